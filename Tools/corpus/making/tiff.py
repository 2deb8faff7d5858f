"""TIFF: what scanners, cameras, maps and editors write, in strips and tiles."""

import io
import itertools
import struct
import zlib

import numpy as np
from base import exif, ffmpeg, photo, profile, saved, translucent, xmp
from PIL import Image


def tiff(values, bits, photometric, order="<", compression=1, rows=None, tile=None, extra=(), planar=False, big=False, drop=(), page=None, count=None):
    """A TIFF of samples [rows, columns, channels], written by hand."""
    height, width, channels = values.shape

    def packed(part):
        if bits in (8, 16, 32):
            kind = {8: "u1", 16: order + "u2", 32: order + "u4"}[bits]
            data = part.astype(kind).tobytes()
        else:
            shifts = np.arange(bits - 1, -1, -1)
            data = b"".join(np.packbits((row.reshape(-1)[:, None] >> shifts & 1).reshape(-1)).tobytes() for row in part)
        return zlib.compress(data) if compression == 8 else data

    planes = [values[:, :, [c]] for c in range(channels)] if planar else [values]
    parts = []
    for plane in planes:
        if tile:
            for y in range(0, height, tile[1]):
                for x in range(0, width, tile[0]):
                    part = plane[y : y + tile[1], x : x + tile[0]]
                    room = np.zeros((tile[1], tile[0], part.shape[2]), part.dtype)
                    room[: part.shape[0], : part.shape[1]] = part
                    parts.append(packed(room))
        else:
            step = rows or height
            parts += [packed(plane[y : y + step]) for y in range(0, height, step)]
    return container(
        [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * channels), (259, 3, [compression]), (262, 3, [photometric]),
         (277, 3, [channels]), (284, 3, [2 if planar else 1]), *extra],
        parts, order, rows or height, tile, big, drop, page, count,
    )  # fmt: skip


def container(tags, parts, order="<", rows=None, tile=None, big=False, drop=(), page=None, count=None):
    offset_type = 16 if big else 4
    tags = list(tags)
    if tile:
        tags += [(322, 4, [tile[0]]), (323, 4, [tile[1]]), (324, offset_type, [0] * len(parts)), (325, offset_type, [len(p) for p in parts])]
    else:
        tags += [(278, 4, [rows]), (273, offset_type, [0] * len(parts)), (279, offset_type, [len(p) for p in parts])]
    tags = sorted(tag for tag in tags if tag[0] not in drop)
    sizes = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 11: "f", 12: "d", 16: "Q", 99: "B"}
    start = 16 if big else 8
    entry, room = (20, 8) if big else (12, 4)
    outside = start + (8 if big else 2) + entry * len(tags) + (8 if big else 4)
    data_start = outside + sum(len(v) * struct.calcsize(sizes[k]) for _, k, v in tags if len(v) * struct.calcsize(sizes[k]) > room)
    offsets = list(itertools.accumulate((len(part) for part in parts[:-1]), initial=data_start))
    directory, values = b"", b""
    for tag, kind, value in tags:
        value = offsets if tag in (273, 324) else value
        raw = struct.pack(order + f"{len(value)}{sizes[kind]}", *value)
        directory += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, len(value) if count is None else count)
        if len(raw) > room:
            directory += struct.pack(order + ("Q" if big else "I"), outside + len(values))
            values += raw
        else:
            directory += raw.ljust(room, b"\0")
    mark = b"II" if order == "<" else b"MM"
    head = mark + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8))
    head += struct.pack(order + ("Q" if big else "H"), len(tags)) + directory + struct.pack(order + ("Q" if big else "I"), page or 0)
    return head + values + b"".join(parts)


def make(add):
    def adds(name, data, bound="equal", **expected):
        add(f"tiff-{name}.tiff", data, bound, **expected)

    rgb, grey, bit, palette = photo(), photo().convert("L"), photo().convert("1"), photo().quantize(61)
    kinds = [("rgb", rgb), ("grey", grey), ("bit", bit), ("palette", palette), ("rgba", translucent()), ("grey-alpha", translucent().convert("LA"))]
    for kind, image in kinds:
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"):
            adds(f"{kind}-{compression.removeprefix('tiff_')}", saved(image, "TIFF", compression=compression))
    for compression in ("group3", "group4", "tiff_ccitt"):
        adds(f"scan-{compression.removeprefix('tiff_')}", saved(photo(200, 120).convert("1"), "TIFF", compression=compression))
    cmyk = rgb.convert("CMYK")
    cmyk.putdata([(c, m, y, (c + m) // 3) for c, m, y, _ in cmyk.get_flattened_data()])
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate"):
        adds(f"cmyk-{compression.removeprefix('tiff_')}", saved(cmyk, "TIFF", compression=compression))
    for kind, image in [("rgb", photo(100, 70)), ("grey", photo(100, 70).convert("L"))]:
        adds(f"{kind}-jpeg", saved(image, "TIFF", compression="jpeg", quality=90), "jpeg")
        adds(f"{kind}-jpeg-strips", saved(image, "TIFF", compression="jpeg", strip_size=16 * 300), "jpeg")
    deep = np.asarray(grey).astype(np.uint16) * 257
    adds("grey16", saved(Image.fromarray(deep), "TIFF"))
    adds("grey16-lzw", saved(Image.fromarray(deep), "TIFF", compression="tiff_lzw"))
    for compression in ("tiff_lzw", "tiff_adobe_deflate"):
        for kind, image in kinds[:2] + kinds[4:5]:
            adds(f"{kind}-predicted-{compression.removeprefix('tiff_')}", saved(image, "TIFF", compression=compression, tiffinfo={317: 2}))
    adds("strips", saved(rgb, "TIFF", compression="tiff_lzw", strip_size=183))
    adds("profile", saved(rgb, "TIFF", icc_profile=profile()))
    adds("dots", saved(bit, "TIFF", dpi=(600, 600), compression="group4"))
    adds("big", saved(rgb, "TIFF", big_tiff=True))
    adds("big-lzw", saved(rgb, "TIFF", big_tiff=True, compression="tiff_lzw"))
    for orientation in range(1, 9):
        adds(f"orientation-{orientation}", saved(rgb, "TIFF", tiffinfo={274: orientation}))
    adds("xmp", saved(rgb, "TIFF", tiffinfo={700: xmp(6)}))
    pages = saved(bit, "TIFF", save_all=True, append_images=[bit.rotate(180), bit], compression="group4")
    adds("pages", pages, note="the first of 3 pages")

    # By hand: what Pillow does not write.
    values = np.asarray(rgb).astype(int)
    light = np.asarray(grey).astype(int)[:, :, None]
    plain = saved(rgb, "TIFF")
    for order, name in [("<", "little"), (">", "big-endian")]:
        adds(f"hand-rgb-{name}", tiff(values, 8, 2, order))
        adds(f"hand-rgb16-{name}", tiff(values * 257, 16, 2, order), like=rgb)
        adds(f"hand-rgba16-{name}", tiff(np.asarray(translucent()).astype(int) * 257, 16, 2, order, extra=[(338, 3, [2])]), like=rgb)
        adds(f"hand-grey16-{name}", tiff(light * 257, 16, 1, order), like=grey)
        adds(f"hand-bigtiff-{name}", tiff(values, 8, 2, order, big=True), like=rgb)
        adds(f"hand-bigtiff-tiles-{name}", tiff(values, 8, 2, order, big=True, tile=(16, 16)), like=rgb)
        adds(f"hand-planar-{name}", tiff(values, 8, 2, order, planar=True))
        adds(f"hand-planar16-{name}", tiff(values * 257, 16, 2, order, planar=True), like=rgb)
        adds(f"hand-deflate16-{name}", tiff(values * 257, 16, 2, order, compression=8, rows=5), like=rgb)
        adds(f"hand-tiles-grey16-{name}", tiff(light * 257, 16, 1, order, tile=(32, 16)), like=grey)
    for bits in (1, 2, 4):
        shallow = light >> (8 - bits)
        spread = (shallow * 255 // ((1 << bits) - 1)).astype(np.uint8)[:, :, 0]
        adds(f"hand-grey{bits}", tiff(shallow, bits, 1), like=Image.fromarray(spread))
        adds(f"hand-grey{bits}-inverted", tiff(shallow, bits, 0), like=Image.fromarray(255 - spread))
        adds(f"hand-grey{bits}-tiles", tiff(shallow, bits, 1, tile=(16, 16)), like=Image.fromarray(spread))
    adds("hand-grey8-inverted", tiff(light, 8, 0))
    adds("hand-grey16-inverted", tiff(light * 257, 16, 0), like=Image.fromarray(255 - np.asarray(grey)))
    for tile in [(16, 16), (64, 48), (32, 64), (128, 128)]:
        adds(f"hand-tiles-{tile[0]}x{tile[1]}", tiff(values, 8, 2, tile=tile), like=rgb)
    adds("hand-tiles-deflate", tiff(values, 8, 2, tile=(16, 16), compression=8), like=rgb)
    adds("hand-tiles-grey", tiff(light, 8, 1, tile=(16, 16)), like=grey)
    adds("hand-tiles-rgba", tiff(np.asarray(translucent()).astype(int), 8, 2, tile=(16, 16), extra=[(338, 3, [2])]), like=rgb)
    colors = np.random.default_rng(3).integers(0, 256, (256, 3))
    indexed = light[:, :, 0]
    table = (320, 3, [int(v) * 257 for v in colors.T.reshape(-1)])
    adds("hand-palette", tiff(light, 8, 3, extra=[table]), like=colors[indexed].astype(np.uint8))
    adds("hand-tiles-palette", tiff(light, 8, 3, extra=[table], tile=(16, 16)), like=colors[indexed].astype(np.uint8))
    inks = np.asarray(cmyk).astype(int)
    adds("hand-tiles-cmyk", tiff(inks, 8, 5, tile=(16, 16)), like=cmyk)
    adds("hand-cmyk16", tiff(inks * 257, 16, 5), like=cmyk)
    adds("hand-rgbx", tiff(np.asarray(translucent()).astype(int), 8, 2, extra=[(338, 3, [0])]), like=rgb)
    multiplied = np.asarray(translucent().convert("RGBa")).astype(int)
    adds("hand-rgba-associated", tiff(multiplied, 8, 2, extra=[(338, 3, [1])]), "deep")
    for size in [(1, 1), (1, 20), (20, 1), (9, 5)]:
        small = np.asarray(photo(*size)).astype(int)
        adds(f"hand-{size[0]}x{size[1]}", tiff(small, 8, 2))
        adds(f"hand-{size[0]}x{size[1]}-tiles", tiff(small, 8, 2, tile=(16, 16)), like=photo(*size))
    # JPEG in tiles, with and without shared tables.
    tiles, shared = [], []
    tables = None
    large = photo(100, 70)
    padded = Image.new("RGB", (128, 96))
    padded.paste(large)
    # Each tile is decoded by itself.
    pixels = Image.new("RGB", (128, 96))
    for y in range(0, 96, 32):
        for x in range(0, 128, 32):
            coded = saved(padded.crop((x, y, x + 32, y + 32)), "JPEG", quality=90, subsampling=2)
            tiles.append(coded)
            pixels.paste(Image.open(io.BytesIO(coded)), (x, y))
            split, tables = apart(coded)
            shared.append(split)
    tags = [(256, 4, [100]), (257, 4, [70]), (258, 3, [8, 8, 8]), (259, 3, [7]), (262, 3, [6]), (277, 3, [3]), (530, 3, [2, 2])]
    pixels = pixels.crop((0, 0, 100, 70))
    adds("hand-jpeg-tiles", container(tags, tiles, tile=(32, 32)), "jpeg", like=pixels)
    adds("hand-jpeg-tiles-tables", container([*tags, (347, 7, list(tables))], shared, tile=(32, 32)), "jpeg", like=pixels)
    plain_rgb = [saved(padded.crop((0, y, 100, min(y + 16, 70))), "JPEG", quality=90, keep_rgb=True) for y in range(0, 70, 16)]
    unlike = np.vstack([np.asarray(Image.open(io.BytesIO(part))) for part in plain_rgb])
    tags = [(256, 4, [100]), (257, 4, [70]), (258, 3, [8, 8, 8]), (259, 3, [7]), (262, 3, [2]), (277, 3, [3])]
    adds("hand-jpeg-rgb-strips", container(tags, plain_rgb, rows=16), "jpeg", like=unlike)

    # Remarks that make no sense, and odd but lawful tags.
    for name, tag in [
        ("type", (40000, 99, [1, 2, 3, 4, 5, 6])), ("profile", (34675, 7, [0] * 8)), ("words", (305, 2, [0xFF] * 30)),
        ("resolution", (282, 4, [0])), ("orientation", (274, 3, [99])), ("xmp", (700, 1, [60] * 9)),
        ("geo-keys", (34735, 3, [9] * 7)), ("scale", (33550, 12, [0.0] * 3)), ("exif", (34665, 4, [0xFFFFFF])),
        ("subfiles", (330, 4, [0xFFFFFFF])), ("photoshop", (34377, 7, [56] * 40)),
    ]:  # fmt: skip
        adds(f"remark-{name}", tiff(values, 8, 2, extra=[tag]), like=plain)
    adds("remark-next-page", tiff(values, 8, 2, page=0x7FFFFFF), like=plain)
    adds("remark-page-loop", tiff(values, 8, 2, page=8), like=plain, note="pages")
    adds("rows-left-out", tiff(values, 8, 2, drop=(278,)), like=plain)
    adds("planes-left-out", tiff(values, 8, 2, drop=(284,)), like=plain)

    # Refused by name.
    adds("refused-float", saved(Image.fromarray(np.asarray(grey).astype(np.float32)), "TIFF"), refused="32-bit floating-point")
    adds("refused-integer", saved(Image.fromarray(np.asarray(grey).astype(np.int32)), "TIFF"), refused="signed samples")
    adds("refused-grey32", tiff(light, 32, 1), refused="grey TIFF of 1 samples of 32 bits")
    adds("refused-lab", saved(rgb.convert("LAB"), "TIFF"), refused="L*a*b*")
    adds("refused-zstd", tiff(values, 8, 2, compression=50000), refused="compressed with Zstandard")
    adds("refused-webp", tiff(values, 8, 2, compression=50001), refused="compressed with WebP")
    adds("refused-lzma", tiff(values, 8, 2, compression=34925), refused="compressed with LZMA")
    adds("refused-ycc", saved(rgb.convert("YCbCr"), "TIFF"), refused="Y'CbCr TIFF that is not")
    adds("refused-old-jpeg", tiff(values, 8, 6, compression=6), refused="JPEG of the kind before 1995")
    adds("refused-jpeg2000", tiff(values, 8, 2, compression=34712), refused="JPEG 2000")
    adds("refused-method", tiff(values, 8, 2, compression=1234), refused="method 1234")
    adds("refused-bands", tiff(np.repeat(values, 2, 2), 8, 2), refused="RGB TIFF of 6 samples")
    adds("refused-raw", tiff(light, 8, 32803), refused="raw sensor TIFF")
    adds("refused-tiles-planar", tiff(values, 8, 2, tile=(16, 16), planar=True), refused="with the colours apart")
    rows = [values[y : y + 10].astype(np.uint8).tobytes() for y in range(0, 30, 10)]
    adds("refused-strip-lost", container([(256, 4, [61]), (257, 4, [43]), (258, 3, [8, 8, 8]), (259, 3, [1]), (262, 3, [2]), (277, 3, [3])], rows, rows=10), refused="3 of 5 strips")
    adds("refused-cut", plain[: len(plain) // 2], refused="damaged")
    adds("refused-no-strips", tiff(values, 8, 2, drop=(273,)), refused="without a picture")
    adds("refused-no-palette", tiff(light, 8, 3), refused="without the palette")
    adds("refused-palette-lost", container([(256, 4, [61]), (257, 4, [43]), (258, 3, [8]), (259, 3, [1]), (262, 3, [3]), (277, 3, [1]), table], [light.astype(np.uint8).tobytes()], rows=43)[:400], refused="damaged")
    adds("refused-left-out", container([(256, 4, [61]), (257, 4, [43]), (258, 3, [8, 8, 8]), (259, 3, [1]), (262, 3, [2]), (277, 3, [3])], [bytes(64 * 16 * 3), b"", bytes(64 * 16 * 3)], tile=(64, 16)), refused="left out")
    short = zlib.compress(bytes(900))
    adds("refused-short-strip", container([(256, 4, [61]), (257, 4, [43]), (258, 3, [8, 8, 8]), (259, 3, [8]), (262, 3, [2]), (277, 3, [3])], [short], rows=43), refused="damaged")
    adds("refused-short-raw", container([(256, 4, [61]), (257, 4, [43]), (258, 3, [8, 8, 8]), (259, 3, [1]), (262, 3, [2]), (277, 3, [3])], [bytes(900)], rows=43), refused="damaged")
    adds("refused-short-lzw", spoiled_lzw(rgb), refused="damaged")
    adds("refused-fax-cut", container([(256, 4, [200]), (257, 4, [120]), (258, 3, [1]), (259, 3, [4]), (262, 3, [0]), (277, 3, [1])], [bytes(20)], rows=120), refused="damaged")


def apart(data):
    """A JPEG without its tables, and the tables as a JPEG of their own."""
    kept, tables, offset = b"", b"", 2
    while data[offset + 1] != 0xDA:
        end = offset + 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
        if data[offset + 1] in (0xDB, 0xC4):
            tables += data[offset:end]
        else:
            kept += data[offset:end]
        offset = end
    return b"\xff\xd8" + kept + data[offset:], b"\xff\xd8" + tables + b"\xff\xd9"


def spoiled_lzw(image):
    """An LZW strip that ends after some rows."""
    data = saved(image, "TIFF", compression="tiff_lzw")
    other = Image.open(io.BytesIO(data))
    offset, count = other.tag_v2[273][0], other.tag_v2[279][0]
    strip = data[offset : offset + count // 2]
    return container(
        [(256, 4, [61]), (257, 4, [43]), (258, 3, [8, 8, 8]), (259, 3, [5]), (262, 3, [2]), (277, 3, [3])], [strip], rows=43
    )
