"""CONTAINER-LIGHT as released: depthwise affinities, mixed with self-attention in stage 4 (Gao et al., arXiv:2106.01401)."""
import torch
from torch import nn


class PatchEmbed(nn.Module):
    """A convolution of kernel and stride p, then a layer norm over the channels."""

    def __init__(self, inputs, dim, patch):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.proj = nn.Conv2d(inputs, dim, patch, patch)

    def forward(self, x):
        y = self.proj(x)
        n, c, h, w = y.shape
        return self.norm(y.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(n, c, h, w)


class Mlp(nn.Module):
    """Two 1x1 convolutions around a GELU."""

    def __init__(self, dim, ratio):
        super().__init__()
        self.fc1 = nn.Conv2d(dim, ratio * dim, 1)
        self.act = nn.GELU()
        self.fc2 = nn.Conv2d(ratio * dim, dim, 1)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class StaticBlock(nn.Module):
    """x + pos(x); + conv2(depthwise 5x5(conv1(norm1))); + mlp(norm2)."""

    def __init__(self, dim, ratio):
        super().__init__()
        self.pos_embed = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.BatchNorm2d(dim)
        self.conv1 = nn.Conv2d(dim, dim, 1)
        self.conv2 = nn.Conv2d(dim, dim, 1)
        self.attn = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.norm2 = nn.BatchNorm2d(dim)
        self.mlp = Mlp(dim, ratio)

    def forward(self, x):
        x = x + self.pos_embed(x)
        x = x + self.conv2(self.attn(self.conv1(self.norm1(x))))
        return x + self.mlp(self.norm2(x))


class MixedBlock(nn.Module):
    """The static block with its affinity mixed with self-attention: sigmoid(s) dynamic + (1 - sigmoid(s)) static."""

    def __init__(self, dim, ratio, heads):
        super().__init__()
        self.heads = heads
        self.sa_weight = nn.Parameter(torch.zeros(1))
        self.pos_embed = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.BatchNorm2d(dim)
        self.conv1 = nn.Conv2d(dim, 3 * dim, 1)
        self.conv2 = nn.Conv2d(dim, dim, 1)
        self.conv = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.norm2 = nn.BatchNorm2d(dim)
        self.mlp = Mlp(dim, ratio)

    def forward(self, x):
        x = x + self.pos_embed(x)
        n, c, h, w = x.shape
        qkv = self.conv1(self.norm1(x))
        q, k, v = qkv.reshape(n, 3, self.heads, c // self.heads, h * w).unbind(1)
        scale = (c // self.heads) ** -0.5
        affinity = (torch.matmul(q.transpose(2, 3), k) * scale).softmax(3)
        dynamic = torch.matmul(v, affinity.transpose(2, 3)).reshape(n, c, h, w)
        share = torch.sigmoid(self.sa_weight)
        x = x + self.conv2(share * dynamic + (1 - share) * self.conv(qkv[:, 2 * c :]))
        return x + self.mlp(self.norm2(x))


class Container(nn.Module):
    """Four stages, each after a patch embedding; the last one mixed."""

    def __init__(self, dims=(64, 128, 320, 512), depths=(3, 4, 8, 3), ratios=(8, 8, 4, 4), heads=16, classes=1000):
        super().__init__()
        inputs = 3
        for i, (dim, depth, ratio, patch) in enumerate(zip(dims, depths, ratios, (4, 2, 2, 2)), 1):
            setattr(self, f"patch_embed{i}", PatchEmbed(inputs, dim, patch))
            make = (lambda: MixedBlock(dim, ratio, heads)) if i == 4 else (lambda: StaticBlock(dim, ratio))
            setattr(self, f"blocks{i}", nn.Sequential(*[make() for _ in range(depth)]))
            inputs = dim
        self.norm = nn.BatchNorm2d(inputs)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):
        for i in range(1, 5):
            x = getattr(self, f"blocks{i}")(getattr(self, f"patch_embed{i}")(x))
        return self.head(self.norm(x).mean((2, 3)))
