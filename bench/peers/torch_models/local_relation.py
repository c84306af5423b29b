"""The local relation layer and LR-Net-26 (Hu et al., arXiv:1904.11491)."""
import torch
from torch import nn

from .local import outside, read_windows, windows
from .residual import Bottleneck, ResidualNet

BEYOND = -100.0  # what the comparison gives beyond the border


class LocalRelation(nn.Module):
    """y[c, p] = sum_t softmax_t(phi(q_p, k_t) + prior_t) x[c] at tap t, then a 1x1 convolution; C / m groups.

    phi is the sum over a group's channels of scale * q k, -scale |q - k| or -scale (q - k)^2; the prior is a small
    network of the offset, dy and dx in units of half a window.
    """

    def __init__(self, channels, kernel=7, stride=1, m=8, inner=1, hidden=16, phi="squared_difference", scale=1.0):
        super().__init__()
        self.kernel, self.stride, self.phi, self.scale = kernel, stride, phi, scale
        self.groups = channels // m
        self.query = nn.Conv2d(channels, self.groups * inner, 1, stride)
        self.key = nn.Conv2d(channels, self.groups * inner, 1)
        self.geometry = nn.Sequential(nn.Conv2d(2, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, self.groups, 1))
        self.out = nn.Conv2d(channels, channels, 1)
        steps = (torch.arange(kernel) - kernel // 2).float() / (kernel // 2)
        offsets = torch.stack(torch.meshgrid(steps, steps, indexing="ij"))[None]
        self.register_buffer("offsets", offsets, persistent=False)
        self.beyond = {}

    def similarity(self, q, k):
        """phi of queries [N, G, D, 1, L] and keys [N, G, D, k * k, L], summed over D."""
        if self.phi == "product":
            each = q * k
        elif self.phi == "absolute_difference":
            each = (q - k).abs().neg()
        else:
            each = (q - k).square().neg()
        if self.scale != 1:
            each = each * self.scale
        return each.squeeze(2) if each.shape[2] == 1 else each.sum(2)

    def forward(self, x):
        n, _, height, width = x.shape
        q, k = self.query(x), self.key(x)
        size = q.shape[2:]
        if (height, width) not in self.beyond:
            self.beyond[height, width] = outside(height, width, self.kernel, self.stride)
        q = q.reshape(n, self.groups, -1, 1, size[0] * size[1])
        k = windows(k, self.kernel, self.stride).view(n, self.groups, q.shape[2], self.kernel**2, -1)
        scores = self.similarity(q, k).masked_fill(self.beyond[height, width], BEYOND)
        weights = (scores + self.geometry(self.offsets).view(self.groups, -1, 1)).softmax(2)
        return self.out(read_windows(x, weights, self.kernel, self.stride, size, modular=False))


class LrBottleneck(Bottleneck):
    """A bottleneck 100 / 64 times as wide around the layer, with norm and ReLU after it; it strides by itself."""

    def __init__(self, inputs, planes, stride):
        width = 100 * planes // 64
        m = 8 if width % 8 == 0 else 10
        super().__init__(inputs, planes, width, stride, LocalRelation(width, stride=stride, m=m))
        self.bn2 = nn.BatchNorm2d(width)

    def middle(self, y):
        return self.relu(self.bn2(self.conv2(y)))


class LrNet(ResidualNet):
    """LR-Net-26: ResNet-26 with these bottlenecks, and a stem that mixes colours and reads windows of 7x7."""

    def __init__(self, layers=(2, 2, 2, 2), classes=1000):
        mix = nn.Sequential(
            nn.Conv2d(3, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), LocalRelation(64, stride=2)
        )
        super().__init__(mix, LrBottleneck, layers, classes)
