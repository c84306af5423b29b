"""PyTorch's side of the benchmark: one subject in one process, driven by lines of JSON.

Requests: {"do": "prepare", "subject": {...}} | {"do": "run", "n": 3, "warm": 1} | {"do": "output", "path": FILE}
| {"do": "export", "path": FILE} | {"do": "save", "path": FILE} | {"do": "quit"}. Answers: one JSON object a line, {"error": TEXT} where it failed.
Weights and inputs come from the fill formula of the golden cases (src/golden/fill.ts), so no file holds them.
"""
import json
import math
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what libraries print goes to stderr, apart from the answers

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch_models.networks import NonLocal, network


def noise(name):
    """u_i = mix(FNV-1a(name) + 0x9E3779B9 i) / 2^31 - 1 as a function of the count of elements; doubles in [-1, 1)."""
    h = 0x811C9DC5
    for byte in name.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF

    def draw(size):
        x = np.uint32(h) + np.arange(size, dtype=np.uint32) * np.uint32(0x9E3779B9)
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x7FEB352D)
        x ^= x >> np.uint32(15)
        x *= np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
        return x / 2.0**31 - 1.0

    return draw


def fill(name, shape):
    """The values of a state tensor, float32, by its name and shape."""
    leaf, rank = name.rsplit(".", 1)[-1], len(shape)
    if leaf == "num_batches_tracked":
        base, scale = 0.0, 0.0
    elif leaf == "running_var":
        base, scale = 1.0, 0.5
    elif leaf in ("running_mean", "bias", "in_proj_bias"):
        base, scale = 0.0, 0.1
    elif rank <= 1:
        base, scale = 1.0, 0.2
    elif name.endswith("weight"):
        base, scale = 0.0, math.sqrt(3.0 / math.prod(shape[1:]))
    else:
        base, scale = 0.0, 0.1
    values = base + scale * noise(name)(math.prod(shape))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def fill_input(key, shape):
    """The values of an input: u of the name input.KEY, float32."""
    return torch.from_numpy(noise("input." + key)(math.prod(shape)).astype(np.float32).reshape(shape))


class Inference:
    """A module in evaluation mode on one fixed input."""

    def __init__(self, module, x, channels_last):
        self.module, self.x = module.eval(), x
        state = self.module.state_dict()
        self.module.load_state_dict({k: fill(k, tuple(v.shape)) for k, v in state.items()})
        if channels_last:
            self.module = self.module.to(memory_format=torch.channels_last)
            self.x = x.contiguous(memory_format=torch.channels_last)

    def run(self):
        with torch.inference_mode():
            return self.module(self.x)

    def output(self):
        return {"y": self.run()}

    def export(self, path):
        torch.onnx.export(self.module, self.x, path, input_names=["x"], output_names=["y"])


class Training:
    """Steps of SGD (momentum 0.9, weight decay 1e-4) on one fixed batch, batch statistics, cross entropy."""

    def __init__(self, module, x, subject, channels_last):
        inference = Inference(module, x, channels_last)
        self.module, self.x = inference.module.train(), inference.x
        with torch.no_grad():
            for name, p in self.module.named_parameters():
                if name.endswith("bn3.weight"):
                    p.mul_(subject["residualScale"])
        self.labels = torch.arange(x.shape[0])
        self.watch = subject["watch"]
        self.sgd = torch.optim.SGD(self.module.parameters(), subject["rate"], momentum=0.9, weight_decay=1e-4)

    def run(self):
        self.sgd.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.module(self.x), self.labels)
        loss.backward()
        self.sgd.step()
        return loss.detach()

    def output(self):
        """The first two losses; after the first step the watched parameters and the norms of their momentum."""
        before = self.run()
        parts = {}
        for name, p in self.module.named_parameters():
            if name in self.watch:
                parts["param/" + name] = p.detach().clone()
                parts["momentum-l2/" + name] = self.sgd.state[p]["momentum_buffer"].double().norm().float()
        return {"loss": torch.stack([before, self.run()]), **parts}


class Attention:
    """softmax(q k' d^-1/2) v by plain products, and its gradients by autograd."""

    def __init__(self, subject):
        shape = (1, subject["positions"], subject["channels"])
        self.parts = [fill_input(key, shape).requires_grad_() for key in ("q", "k", "v")]
        self.dy, self.scale = fill_input("dy", shape), subject["channels"] ** -0.5

    def run(self):
        q, k, v = self.parts
        y = torch.matmul((torch.matmul(q, k.transpose(1, 2)) * self.scale).softmax(-1), v)
        return y.detach(), torch.autograd.grad(y, self.parts, self.dy)

    def output(self):
        y, gradients = self.run()
        return {"y": y, **dict(zip(("dq", "dk", "dv"), gradients))}


class MatMul:
    """A square matrix product."""

    def __init__(self, size):
        self.a, self.b = fill_input("a", (size, size)), fill_input("b", (size, size))

    def run(self):
        with torch.inference_mode():
            return torch.matmul(self.a, self.b)

    def output(self):
        return {"y": self.run()}


class Load:
    """A checkpoint, loaded whole."""

    def __init__(self, path):
        self.path = path

    def run(self):
        return torch.load(self.path, map_location="cpu")

    def output(self):
        state = self.run()
        return {name: state[name] for name in ("conv1.weight", "layer4.2.conv3.weight", "fc.weight", "fc.bias")}


class Pipeline:
    """torchvision's ImageFolder under a DataLoader whose workers live on; one run takes all batches."""

    def __init__(self, subject):
        from torchvision import transforms as T
        from torchvision.datasets import ImageFolder

        normalise = T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        steps = [T.RandomResizedCrop(subject["size"]), T.RandomHorizontalFlip(), T.ToTensor(), normalise]
        folder = ImageFolder(subject["folder"], T.Compose(steps))
        self.classes, workers = len(folder.classes), subject["workers"]
        pictures = torch.utils.data.ConcatDataset([folder] * subject["passes"])
        self.batches = torch.utils.data.DataLoader(
            pictures, subject["batch"], shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
        )

    def run(self):
        return self.output()

    def output(self):
        counts = torch.zeros(self.classes)
        for images, labels in self.batches:
            counts += torch.bincount(labels, minlength=self.classes)
        return {"pictures by class": counts, "numbers of a picture": torch.tensor([images[0].numel()])}


def make(subject):
    """The runnable of a subject (bench/subject.ts says what each field means)."""
    kind, last = subject["kind"], subject.get("format") == "channels_last"
    if kind == "network":
        x = fill_input("x", (subject["batch"], 3, subject["size"], subject["size"]))
        if "windows" in subject:
            from torch_models import local

            local.way = subject["windows"]
        module = network(subject["network"])
        return Training(module, x, subject, last) if subject["mode"] == "training" else Inference(module, x, last)
    if kind == "nonlocal":
        x = fill_input("x", (1, subject["channels"], subject["height"], subject["width"]))
        return Inference(NonLocal(subject["channels"], subject["inner"], norm=False), x, last)
    if kind == "attention":
        return Attention(subject)
    if kind == "conv":
        x = fill_input("x", (subject["batch"], subject["channels"], subject["size"], subject["size"]))
        return Inference(nn.Conv2d(subject["channels"], subject["channels"], 3, padding=1, bias=False), x, last)
    if kind == "matmul":
        return MatMul(subject["size"])
    if kind == "pipeline":
        return Pipeline(subject)
    if kind == "load":
        return Load(subject["path"])
    raise ValueError(f"no subject of kind {kind}")


def answer(request, state):
    """What to answer to one request; `state` keeps the prepared subject."""
    what = request["do"]
    if what == "prepare":
        if request["subject"].get("threads"):
            torch.set_num_threads(request["subject"]["threads"])
        state["made"] = make(request["subject"])
        return {"threads": torch.get_num_threads()}
    made = state["made"]
    if what == "run":
        for _ in range(request.get("warm", 0)):
            made.run()
        times = []
        for _ in range(request["n"]):
            start = time.perf_counter()
            made.run()
            times.append(1000 * (time.perf_counter() - start))
        return {"times": times}
    if what == "output":
        parts = []
        with open(request["path"], "wb") as file:
            for name, tensor in made.output().items():
                tensor.detach().contiguous().numpy().astype("<f4").tofile(file)
                parts.append({"name": name, "size": tensor.numel()})
        return {"parts": parts}
    if what == "export":
        made.export(request["path"])
        return {}
    if what == "save":
        torch.save(made.module.state_dict(), request["path"])
        return {}
    raise ValueError(f"no request {what}")


def say(message):
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def main():
    state = {}
    Attention({"positions": 256, "channels": 64}).run()  # loads libraries, so that a later reading of memory is free of them
    say({"ready": True, "versions": {"torch": torch.__version__, "python": sys.version.split()[0]}})
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "quit":
            break
        try:
            say(answer(request, state))
        except Exception as error:  # the driver turns it into a refused row
            say({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
