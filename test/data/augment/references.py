"""Makes references.json: what Pillow and torchvision make of a small picture, for the tests beside it.

python3 test/data/augment/references.py

Exact operations give a hash of their bytes (FNV-1a), those with an interpolation all bytes. The picture and the table of
all colours are formulas that the tests repeat. Made with Pillow 9.4.0 and torchvision 0.14.1.
"""
import base64
import json
import os

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms import functional as F

WIDTH, HEIGHT = 40, 30


def picture():
    y, x, c = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), np.arange(3), indexing="ij")
    return Image.fromarray(((x * 5 + y * 3 * c + (x * y) % 17 * 4 + 13) % 211 + 17).astype(np.uint8))


def colours():
    """Colours all over the cube: 4096 of them, red fastest."""
    i = np.arange(4096, dtype=np.int64)
    levels = np.stack([i * 7919 % 256, i * 104729 // 7 % 256, i * 1299709 // 31 % 256], -1)
    return Image.fromarray(levels.reshape(64, 64, 3).astype(np.uint8))


def fnv(image):
    h = 0x811C9DC5
    for byte in np.asarray(image).tobytes():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h


def text(image):
    return base64.b64encode(np.asarray(image).tobytes()).decode()


def solarize_add(image, add):
    return image.point([min(255, i + add) if i < 128 else i for i in range(256)] * 3)


def main():
    img, cube = picture(), colours()
    exact = {"picture": fnv(img), "colours": fnv(cube)}
    flat = Image.new("RGB", (40, 30), (7, 7, 7))
    for name, op in {"autocontrast": ImageOps.autocontrast, "equalize": ImageOps.equalize, "invert": ImageOps.invert}.items():
        exact.update({name: fnv(op(img)), name + " flat": fnv(op(flat)), name + " colours": fnv(op(cube))})
    for bits in (0, 1, 3, 4, 8):
        exact[f"posterize {bits}"] = fnv(img if bits == 8 else ImageOps.posterize(img, bits))
    for level in (0, 26, 128, 256):
        exact[f"solarize {level}"] = fnv(ImageOps.solarize(img, level))
    for amount in (0, 11, 110):
        exact[f"solarizeAdd {amount}"] = fnv(solarize_add(img, amount))
    for factor in (0, 0.1, 0.55, 0.9, 1, 1.35, 1.9):
        for name in ("Brightness", "Contrast", "Color", "Sharpness"):
            exact[f"{name} {factor}"] = fnv(getattr(ImageEnhance, name)(cube).enhance(factor))
    exact["greyscale"] = fnv(F.rgb_to_grayscale(cube, 3))
    for shift in (-0.5, -0.13, 0, 0.07, 0.4, 0.5):
        exact[f"hue {shift}"] = fnv(F.adjust_hue(cube, shift))

    moved, fill = {}, (124, 116, 104)
    for name, how in {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}.items():
        options = dict(resample=how, fillcolor=fill)

        def affine(*matrix):
            return text(img.transform(img.size, Image.AFFINE, matrix, **options))

        moved[f"shearX -0.21 {name}"] = affine(1, -0.21, 0, 0, 1, 0)
        moved[f"shearY 0.3 {name}"] = affine(1, 0, 0, 0.3, 1, 0)
        moved[f"translateX 0.1125 {name}"] = affine(1, 0, 0.1125 * WIDTH, 0, 1, 0)
        moved[f"translateY -0.43 {name}"] = affine(1, 0, 0, 0, 1, -0.43 * HEIGHT)
        moved[f"rotate 17.5 {name}"] = text(img.rotate(17.5, **options))
        moved[f"rotate -30 {name}"] = text(img.rotate(-30, **options))
    for kernel, sigma in ((3, 0.4), (23, 1.7)):
        moved[f"blur {kernel} {sigma}"] = text(F.gaussian_blur(img, [kernel, kernel], [sigma, sigma]))

    path = os.path.join(os.path.dirname(__file__), "references.json")
    with open(path, "w") as file:
        json.dump({"exact": exact, "moved": moved}, file, indent=1)
        file.write("\n")


main()
