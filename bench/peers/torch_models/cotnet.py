"""CoTNet-50: contextual transformer layers in ResNet-50's bottlenecks (Li et al., arXiv:2107.12292)."""
import torch
import torch.nn.functional as F
from torch import nn

from .local import read_windows

EXPANSION = 4


class CotLayer(nn.Module):
    """Static context K1 of the keys, weights from [x, K1], dynamic context K2 = weights * values, fused by attention.

    y = s0 K2 + s1 K1, (s0, s1) = softmax of two logits a channel from the mean of K1 + K2. Channel c of the values is
    read with weights c mod (dim / 8).
    """

    def __init__(self, dim, kernel=3):
        super().__init__()
        self.kernel, self.groups = kernel, dim // 8
        taps, attention = kernel * kernel, max(dim // 2, 32)
        self.key_embed = nn.Sequential(
            nn.Conv2d(dim, dim, kernel, padding=kernel // 2, groups=4, bias=False), nn.BatchNorm2d(dim), nn.ReLU(inplace=True)
        )
        self.embed = nn.Sequential(
            nn.Conv2d(2 * dim, dim // 2, 1, bias=False),
            nn.BatchNorm2d(dim // 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(dim // 2, taps * self.groups, 1),
            nn.GroupNorm(self.groups, taps * self.groups),
        )
        self.conv1x1 = nn.Sequential(nn.Conv2d(dim, dim, 1, bias=False), nn.BatchNorm2d(dim))
        self.bn = nn.BatchNorm2d(dim)
        self.se = nn.Sequential(
            nn.Conv2d(dim, attention, 1), nn.BatchNorm2d(attention), nn.ReLU(inplace=True), nn.Conv2d(attention, 2 * dim, 1)
        )

    def forward(self, x):
        n, c, h, w = x.shape
        static = self.key_embed(x)
        weights = self.embed(torch.cat([x, static], 1)).reshape(n, self.groups, self.kernel**2, h * w)
        values = self.conv1x1(x)
        dynamic = read_windows(values, weights, self.kernel, 1, (h, w), modular=True)
        dynamic = F.silu(self.bn(dynamic), inplace=True)
        share = self.se((dynamic + static).mean((2, 3), keepdim=True)).view(n, c, 2).softmax(2).view(n, c, 2, 1, 1)
        return dynamic * share[:, :, 0] + static * share[:, :, 1]


class Bottleneck(nn.Module):
    """1x1, the layer (after an average pool where it strides), 1x1, and the shortcut."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.AvgPool2d(3, 2, padding=1) if stride == 2 else nn.Identity()
        self.conv2 = CotLayer(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.conv2(self.pool(self.relu(self.bn1(self.conv1(x)))))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class CotNet(nn.Module):
    """ResNet's frame around these bottlenecks; `layers` are the numbers of blocks."""

    def __init__(self, layers=(3, 4, 6, 3), classes=1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        inputs = 64
        for i, blocks in enumerate(layers):
            stage, width = [], 64 * 2**i
            for j in range(blocks):
                stage.append(Bottleneck(inputs, width, 2 if i > 0 and j == 0 else 1))
                inputs = EXPANSION * width
            setattr(self, f"layer{i + 1}", nn.Sequential(*stage))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        y = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        y = self.layer4(self.layer3(self.layer2(self.layer1(y))))
        return self.fc(y.mean((2, 3)))
