"""CoTNet-50: contextual transformer layers in ResNet-50's bottlenecks (Li et al., arXiv:2107.12292)."""
import torch
import torch.nn.functional as F
from torch import nn

from .local import read_windows
from .residual import Bottleneck, ResidualNet


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


class CotBottleneck(Bottleneck):
    """A bottleneck around the layer, which pools by 3x3 before it where it strides."""

    def __init__(self, inputs, planes, stride):
        super().__init__(inputs, planes, planes, stride, CotLayer(planes))
        self.pool = nn.AvgPool2d(3, 2, padding=1) if stride == 2 else nn.Identity()

    def middle(self, y):
        return self.conv2(self.pool(y))


class CotNet(ResidualNet):
    """ResNet with these bottlenecks."""

    def __init__(self, layers=(3, 4, 6, 3), classes=1000):
        super().__init__(nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), CotBottleneck, layers, classes)
