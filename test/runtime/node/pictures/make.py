"""Makes the pictures beside this script and what Pillow decodes them to.

    python3 make.py        (Pillow 9.4, libjpeg-turbo 2.1, libwebp 1.2; a picture is `convert('RGB')`, upright by its EXIF)

`expected.json` holds of each file its width, height and RGB bytes, deflated, in base64.
"""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

HERE = Path(__file__).parent
W, H = 21, 14  # no multiple of 8 or 16


def smooth(mode="RGB"):
    """A picture without noise, so that a lossy format keeps it."""
    image = Image.new("RGB", (W, H))
    for y in range(H):
        for x in range(W):
            image.putpixel((x, y), (x * 12, y * 18, (x + y) * 7))
    return image.convert(mode)


def noise(bands, depth=8):
    """Bytes of an arithmetic pattern that uses every value."""
    state, out = 12345, bytearray()
    for _ in range(W * H * bands * depth // 8):
        state = (state * 1103515245 + 12345) % 2**31
        out.append(state >> 16 & 255)
    return bytes(out)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(colour, depth, rows, extra=b"", width=W):
    """A PNG by hand: every row unfiltered."""
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)
    body = b"".join(b"\0" + r for r in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def rows(bands, depth):
    size = (W * bands * depth + 7) // 8
    data = noise(bands * 2, 16)
    return [data[y * size : (y + 1) * size] for y in range(H)]


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


def without_app14(jpeg):
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0] :]


def with_transform(jpeg, value):
    """The same coefficients, said to be CMYK (0) or YCCK (2) by Adobe's marker."""
    at = jpeg.index(b"Adobe") + 11
    return jpeg[:at] + bytes([value]) + jpeg[at + 1 :]


def pictures():
    rgb = smooth()
    for name, sampling in [("444", 0), ("422", 1), ("420", 2)]:
        yield f"{name}.jpg", saved(rgb, "JPEG", quality=92, subsampling=sampling)
    yield "progressive.jpg", saved(rgb, "JPEG", quality=92, progressive=True)
    yield "grey.jpg", saved(smooth("L"), "JPEG", quality=92)
    cmyk = saved(rgb.convert("CMYK"), "JPEG", quality=95)
    yield "cmyk.jpg", cmyk
    yield "cmyk-plain.jpg", without_app14(cmyk)
    yield "ycck.jpg", with_transform(cmyk, 2)
    yield "adobe-rgb.jpg", rgb_jpeg(rgb)
    p3 = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    yield "icc.jpg", saved(rgb, "JPEG", quality=92, icc_profile=swapped_profile())
    yield "icc.png", saved(rgb, "PNG", icc_profile=swapped_profile())
    yield "icc.webp", saved(rgb, "WEBP", lossless=True, icc_profile=swapped_profile())
    yield "icc-cmyk.jpg", saved(rgb.convert("CMYK"), "JPEG", quality=95, icc_profile=p3)
    for o in range(1, 9):
        yield f"orientation-{o}.jpg", saved(rgb, "JPEG", quality=92, subsampling=0, exif=exif(o))
    yield "orientation-5.png", saved(rgb, "PNG", exif=exif(5))
    yield "orientation-8.webp", saved(rgb, "WEBP", lossless=True, exif=exif(8))
    for colour, word, bands in [(0, "grey", 1), (2, "rgb", 3), (4, "grey-alpha", 2), (6, "rgba", 4)]:
        for depth in [1, 2, 4, 8, 16] if colour == 0 else [8, 16]:
            if (colour, depth) != (0, 16):
                yield f"{word}-{depth}.png", png(colour, depth, rows(bands, depth))
    palette = chunk(b"PLTE", noise(1)[: 16 * 3])
    for depth in [1, 2, 4]:
        yield f"palette-{depth}.png", png(3, depth, rows(1, depth), palette)
    yield "palette-transparent.png", png(3, 4, rows(1, 4), palette + chunk(b"tRNS", bytes([0, 128, 255, 3])))
    yield "grey-transparent.png", png(0, 8, rows(1, 8), chunk(b"tRNS", b"\0" + rows(1, 8)[0][:1]))
    yield "rgb-transparent.png", png(2, 8, rows(3, 8), chunk(b"tRNS", b"".join(b"\0" + bytes([v]) for v in rows(3, 8)[0][:3])))
    yield "gamma.png", png(2, 8, rows(3, 8), chunk(b"gAMA", struct.pack(">I", 100000)))
    yield "interlaced.png", interlaced()
    indexed = rgb.quantize(32)
    yield "plain.gif", saved(indexed, "GIF")
    yield "transparent.gif", saved(indexed, "GIF", transparency=5)
    yield "animated.gif", saved(indexed, "GIF", save_all=True, append_images=[rgb.rotate(180).quantize(16)])
    yield "grey.gif", saved(smooth("L"), "GIF")
    yield "straight.gif", saved(indexed, "GIF", interlace=0)
    yield "small-frame.gif", framed((4, 3), (W, H))
    yield "small-frame-transparent.gif", framed((4, 3), (W, H), transparency=5)
    yield "large-frame.gif", framed((4, 3), (9, 9))
    yield "short-palette.gif", short_palette(indexed)
    yield "lossless.webp", saved(rgb, "WEBP", lossless=True)
    yield "alpha.webp", saved(Image.frombytes("RGBA", (W, H), noise(4)), "WEBP", lossless=True, exact=True)
    yield "animated.webp", saved(rgb, "WEBP", lossless=True, save_all=True, append_images=[rgb.rotate(180)])
    yield "lossy.webp", saved(rgb, "WEBP", quality=92)


def rgb_jpeg(image):
    """A JPEG whose components are red, green and blue, as Adobe's marker with transform 0 says."""
    plain = saved(image, "JPEG", quality=92, subsampling=0)
    marker = b"\xff\xee" + struct.pack(">H", 14) + b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0)
    return plain[:2] + marker + plain[plain.index(b"\xff\xdb") :]


def swapped_profile():
    """A colour profile that would be seen if it were applied: gamma 1 instead of sRGB's curve."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = profile.index(b"para", 200)
    profile[at + 12 : at + 16] = struct.pack(">I", 1 << 16)
    return bytes(profile)


def interlaced():
    """Adam7 by hand, 8-bit RGB."""
    image, body = smooth(), b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for y in range(y0, H, dy):
            body += b"\0" + b"".join(bytes(image.getpixel((x, y))) for x in range(x0, W, dx))
    header = struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def framed(place, screen, **options):
    """A GIF whose first frame of 10 x 8 lies at a place of its screen."""
    data = saved(smooth().crop((0, 0, 10, 8)).quantize(16), "GIF", **options)
    at = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, 10, 8))
    screen = data[:6] + struct.pack("<HH", *screen) + data[10:at]
    return screen + b"\x2c" + struct.pack("<HH", *place) + data[at + 5 :]


def short_palette(image):
    """A GIF whose pixels name more colours than its table has: four of 32."""
    data = saved(image, "GIF")
    bits = (data[10] & 7) + 1
    return data[:10] + bytes([data[10] & ~7 | 1]) + data[11 : 13 + 12] + data[13 + 3 * 2**bits :]


expected = {}
for name, data in pictures():
    (HERE / name).write_bytes(data)
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    pixels = base64.b64encode(zlib.compress(image.tobytes(), 9)).decode()
    expected[name] = {"width": image.width, "height": image.height, "rgb": pixels}
(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
