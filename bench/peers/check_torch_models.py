"""Compares the PyTorch models of the benchmark with golden cases: check_torch_models.py FOLDER WAY [CASE ...].

WAY: how windows are read (torch_models/local.py). Prints a JSON object a case: its name, and the relative error
max |ours - theirs| / max |theirs| of each output. Weights are the fill formula's.
"""
import json
import os
import sys

import numpy as np
import pytorch
import torch
from torch_models import local
from torch_models.container import Container, MixedBlock, StaticBlock
from torch_models.cotnet import CotBottleneck, CotLayer, CotNet
from torch_models.local_relation import LocalRelation
from torch_models.vision_transformer import VisionTransformer


def relation(config):
    return LocalRelation(
        config["channels"], config["kernel_size"], config["stride"], config["m"], config["query_channels_per_group"],
        config["geometry_hidden"], config["similarity"], config["similarity_scale"]
    )


MAKE = {
    "backbones/cot_cotnet50": lambda c: CotNet(classes=c["num_classes"]),
    "backbones/cot_cotnet_1211": lambda c: CotNet(c["layers"], c["num_classes"]),
    "backbones/container_v1_light": lambda c: Container(classes=c["num_classes"]),
    "backbones/timm_deit_tiny_patch16_224": lambda c: VisionTransformer(c["embed_dim"], c["num_heads"], c["depth"]),
    "backbones/nl_resnet50_5_embedded_gaussian": lambda c: pytorch.network("resnet50-nl"),
    "blocks/cotlayer_d32_k5": lambda c: CotLayer(c["dim"], c["kernel_size"]),
    "blocks/cotlayer_d64": lambda c: CotLayer(c["dim"], c["kernel_size"]),
    "blocks/cot_bottleneck_s2": lambda c: CotBottleneck(c["inplanes"], c["planes"], c["stride"]),
    "blocks/container_cblock": lambda c: StaticBlock(c["dim"], c["mlp_ratio"]),
    "blocks/container_mixblock": lambda c: MixedBlock(c["dim"], c["mlp_ratio"], c["num_heads"]),
    "blocks/local_relation_k3_abs": relation,
    "blocks/local_relation_k3_s2": relation,
    "blocks/local_relation_k7": relation,
}


def read_safetensors(path):
    """Float32 tensors by name: eight bytes of the header's length, the header in JSON, the data."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    part = lambda v: np.frombuffer(data[v["data_offsets"][0] : v["data_offsets"][1]], dtype="<f4").reshape(v["shape"])
    return {k: part(v) for k, v in header.items() if k != "__metadata__" and v["dtype"] == "F32"}


def sampled(key, values):
    """The 4,096 elements that a case stores of an output that it does not store whole."""
    flat, u = values.reshape(-1), pytorch.noise("sample." + key)(4096)
    return flat[np.clip(np.floor((u + 1) / 2 * flat.size).astype(np.int64), 0, flat.size - 1)]


def filled(name, value, config):
    """The formula's values, multiplied where the case says so."""
    values = pytorch.fill(name, tuple(value.shape))
    for change in config.get("after_fill", []):
        if name.startswith(change.get("names_starting", "")) and name.endswith(change["names_ending"]):
            values *= change["multiply_by"]
    return values


def outputs(module, case):
    """Outputs of a case that these models have: logits, or y and the gradients of sum(y * dy)."""
    module.load_state_dict({k: filled(k, v, case["config"]) for k, v in module.state_dict().items()})
    expected = [(entry["name"], entry["shape"]) for entry in case["state"]]
    got = [(name, list(v.shape)) for name, v in module.state_dict().items()]
    if sorted(expected) != sorted(got):
        raise ValueError(f"{case['name']}: other names or shapes: {sorted(set(map(str, expected)) ^ set(map(str, got)))}")
    inputs = {k: pytorch.fill_input(k, v["shape"]) for k, v in case["inputs"].items()}
    module.eval()
    if "dy" not in inputs:
        with torch.inference_mode():
            return {"logits": module(next(iter(inputs.values())))}
    x = inputs["x"].requires_grad_()
    y = module(x)
    (y * inputs["dy"]).sum().backward()
    gradients = {"grad." + name: p.grad for name, p in module.named_parameters()}
    return {"y": y.detach(), "grad.x": x.grad, **gradients}


def check(folder, name):
    with open(os.path.join(folder, name + ".json")) as file:
        case = json.load(file)
    stored = read_safetensors(os.path.join(folder, name + ".safetensors"))
    errors = {}
    for key, value in outputs(MAKE[name](case["config"]), case).items():
        ours, whole = value.numpy(), key in stored
        if key in case["config"].get("zero", []) or not (whole or key + "@val" in stored):
            continue
        theirs = stored[key].reshape(-1) if whole else stored[key + "@val"]
        mine = ours.reshape(-1) if whole else sampled(key, ours)
        errors[key] = float(np.abs(mine - theirs).max() / np.abs(theirs).max())
    return {"case": name, "errors": errors}


if __name__ == "__main__":
    folder, local.way, *names = sys.argv[1:]
    for name in names or MAKE:
        pytorch.say(check(folder, name))
