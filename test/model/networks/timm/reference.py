"""Writes reference.json from timm (a checkout's folder as argument): what each of its networks keeps, and two small ones' logits."""

import json
import math
import os
import sys

import torch

sys.path.insert(0, sys.argv[1])
import timm
from timm.models.byobnet import ByobNet, ByoBlockCfg, ByoModelCfg

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = """
resnet14t resnet18 resnet18d resnet26 resnet26d resnet26t resnet34 resnet34d resnet50 resnet50c resnet50d resnet50t
resnet101 resnet101c resnet101d resnet152 resnet152c resnet152d resnext50_32x4d resnext50d_32x4d resnext101_32x4d
resnext101_32x8d resnext101_64x4d wide_resnet50_2 wide_resnet101_2 seresnet18 seresnet34 seresnet50 seresnet50t
seresnet101 seresnet152 seresnet152d seresnext26d_32x4d seresnext26t_32x4d seresnext50_32x4d seresnext101_32x4d
seresnext101_32x8d seresnext101d_32x8d seresnext101_64x4d resnext26ts seresnext26ts gcresnext26ts resnet32ts resnet33ts
seresnet33ts gcresnet33ts gcresnet50t gcresnext50ts
""".split()


def fnv1a(text):
    h = 0x811C9DC5
    for byte in text.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h


def kept(model):
    """Number of trainable values, number of tensors, and the hash of their sorted lines `name [shape]`."""
    state = model.state_dict()
    lines = sorted(f"{name} [{','.join(map(str, t.shape))}]" for name, t in state.items())
    parameters = sum(p.numel() for p in model.parameters())
    return {"parameters": parameters, "tensors": len(lines), "hash": fnv1a("\n".join(lines))}


def wave(name, count):
    phase = fnv1a(name) % 6283 / 1000
    return [math.sin(12.9898 * i + phase) for i in range(count)]


def fill(model):
    """Sets every tensor by its name: norms about 1, variances positive, weights of matrices about 1 / √fan-in."""
    for name, t in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        w = torch.tensor(wave(name, t.numel()), dtype=torch.float64).reshape(t.shape)
        if name.endswith("running_var"):
            w = 1 + 0.5 * w
        elif t.dim() == 1:
            w = (1 if name.endswith("weight") else 0) + 0.3 * w
        else:
            w = w * 2 / math.sqrt(t[0].numel())
        t.copy_(w.float())


def logits(cfg, shape):
    model = ByobNet(cfg, num_classes=5).eval()
    fill(model)
    x = torch.tensor(wave("x", math.prod(shape)), dtype=torch.float64).reshape(shape).float()
    with torch.no_grad():
        return model.double()(x.double()).tolist()


GROUPED = ByoModelCfg(
    blocks=(
        ByoBlockCfg(type="bottle", d=1, c=32, s=1, gs=8, br=0.5),
        ByoBlockCfg(type="bottle", d=2, c=64, s=2, gs=8, br=0.25),
    ),
    stem_chs=16, stem_type="tiered", stem_pool="maxpool", act_layer="silu", attn_layer="gca",
)
AVERAGED = ByoModelCfg(
    blocks=(
        ByoBlockCfg(type="bottle", d=1, c=24, s=1, gs=0, br=0.5),
        ByoBlockCfg(type="bottle", d=2, c=48, s=2, gs=0, br=0.25),
    ),
    downsample="avg", stem_chs=16, stem_type="tiered", stem_pool="", num_features=40, attn_layer="se",
)
SHAPE = [2, 3, 40, 32]

out = {
    "timm": timm.__version__,
    "kept": {name: kept(timm.create_model(name)) for name in NAMES},
    "logits": {"shape": SHAPE, "grouped": logits(GROUPED, SHAPE), "averaged": logits(AVERAGED, SHAPE)},
}
with open(os.path.join(HERE, "reference.json"), "w") as f:
    json.dump(out, f, indent=2)
    f.write("\n")
