"""The frame of residual networks: a stem, four stages of bottlenecks, a classifier."""
from torch import nn

EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, an operator of `width` channels that may stride, 1x1, and the shortcut."""

    def __init__(self, inputs, planes, width, stride, operator):
        super().__init__()
        outputs = EXPANSION * planes
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = operator
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def middle(self, y):
        return self.conv2(y)

    def forward(self, x):
        y = self.bn3(self.conv3(self.middle(self.relu(self.bn1(self.conv1(x))))))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class ResidualNet(nn.Module):
    """`conv1` halves pictures [N, 3, H, W]; `block(inputs, planes, stride)` makes bottlenecks, `layers[i]` of stage i."""

    def __init__(self, conv1, block, layers, classes):
        super().__init__()
        self.conv1 = conv1
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        inputs = 64
        for i, blocks in enumerate(layers):
            stage, planes = [], 64 * 2**i
            for j in range(blocks):
                stage.append(block(inputs, planes, 2 if i > 0 and j == 0 else 1))
                inputs = EXPANSION * planes
            setattr(self, f"layer{i + 1}", nn.Sequential(*stage))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        y = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        y = self.layer4(self.layer3(self.layer2(self.layer1(y))))
        return self.fc(y.mean((2, 3)))
