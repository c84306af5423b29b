"""Every network of the benchmark by name; residual networks with context blocks are made of torchvision's."""
import torch
from torch import nn


class ContextBlock(nn.Module):
    """z = x + W2 ReLU(LN(W1 sum_j softmax_j(Wk x_j) x_j)): global context (arXiv:1904.11492), with GCNet's names."""

    def __init__(self, channels, ratio):
        super().__init__()
        planes = int(channels * ratio)
        self.conv_mask = nn.Conv2d(channels, 1, 1)
        self.channel_add_conv = nn.Sequential(
            nn.Conv2d(channels, planes, 1), nn.LayerNorm([planes, 1, 1]), nn.ReLU(inplace=True), nn.Conv2d(planes, channels, 1)
        )

    def forward(self, x):
        n, c, h, w = x.shape
        attention = self.conv_mask(x).view(n, 1, h * w).softmax(dim=2)
        context = torch.matmul(x.view(n, c, h * w), attention.transpose(1, 2)).view(n, c, 1, 1)
        return x + self.channel_add_conv(context)


class Named(nn.Module):
    """A convolution under the name conv, and a batch norm under the name bn, as mmcv nests them."""

    def __init__(self, inputs, outputs, norm=False):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=not norm)
        self.bn = nn.BatchNorm2d(outputs) if norm else nn.Identity()

    def forward(self, x):
        return self.bn(self.conv(x))


class NonLocal(nn.Module):
    """z = x + Wz softmax(theta(x)' phi(x) d^-1/2) g(x): embedded Gaussian (arXiv:1711.07971), plain, with mmcv's names."""

    def __init__(self, channels, inner, norm, pooled=False):
        super().__init__()
        pool = (lambda named: nn.Sequential(named, nn.MaxPool2d(2))) if pooled else (lambda named: named)
        self.g = pool(Named(channels, inner))
        self.theta = Named(channels, inner)
        self.phi = pool(Named(channels, inner))
        self.conv_out = Named(inner, channels, norm)

    def forward(self, x):
        n, _, h, w = x.shape
        theta = self.theta(x).flatten(2).transpose(1, 2)
        phi = self.phi(x).flatten(2)
        g = self.g(x).flatten(2).transpose(1, 2)
        attention = (torch.matmul(theta, phi) * theta.shape[-1] ** -0.5).softmax(dim=-1)
        y = torch.matmul(attention, g).transpose(1, 2).reshape(n, -1, h, w)
        return x + self.conv_out(y)


def network(name):
    """torchvision's ResNet-50, plain, with context blocks in layers 2 to 4, or with five non-local blocks; or a model of ours."""
    from torchvision.models.resnet import Bottleneck, ResNet, resnet50

    if name == "resnet50":
        return resnet50(weights=None)
    if name == "resnet50-gc":

        class GcBottleneck(Bottleneck):
            def __init__(self, inplanes, planes, *args, **kwargs):
                super().__init__(inplanes, planes, *args, **kwargs)
                if planes > 64:  # the first stage has none
                    self.context_block = ContextBlock(4 * planes, 1 / 16)

            def forward(self, x):
                y = self.relu(self.bn1(self.conv1(x)))
                y = self.relu(self.bn2(self.conv2(y)))
                y = self.bn3(self.conv3(y))
                if hasattr(self, "context_block"):
                    y = self.context_block(y)
                y += x if self.downsample is None else self.downsample(x)
                return self.relu(y)

        return ResNet(GcBottleneck, [3, 4, 6, 3])
    if name in ("resnet50-nl", "resnet50-nl-pooled"):

        class NlBottleneck(Bottleneck):
            def forward(self, x):
                y = super().forward(x)
                return self.non_local_block(y) if hasattr(self, "non_local_block") else y

        net = ResNet(NlBottleneck, [3, 4, 6, 3])
        for stage, block in ((2, 0), (2, 2), (3, 0), (3, 2), (3, 4)):
            channels = 256 * 2 ** (stage - 1)
            getattr(net, f"layer{stage}")[block].non_local_block = NonLocal(
                channels, channels // 2, norm=True, pooled=name.endswith("pooled")
            )
        return net
    return model(name)


def model(name):
    """A network that is written in torch_models."""
    if name == "cotnet50":
        from .cotnet import CotNet

        return CotNet()
    if name == "container_v1_light":
        from .container import Container

        return Container()
    if name == "lrnet26":
        from .local_relation import LrNet

        return LrNet()
    if name == "deit_small_patch16_224":
        from .vision_transformer import VisionTransformer

        return VisionTransformer()
    raise ValueError(f"no network {name}")
