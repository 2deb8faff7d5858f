"""Pictures of less than a megabyte that would take gigabytes or minutes, if a reader let them."""

import struct
import zlib

from base import exif, ffmpeg, photo, saved
from heif import box, hevc, heif, size
from jpeg import inserted, jpeg, segment, segments
from PIL import Image
from png import chunk
from tiff import container

# 64 megapixels.
SIDE = 8000


def flat_png(width, height, depth, color, interlaced=0, extra=b"", pieces=None):
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    packer = zlib.compressobj(6)
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]
    else:
        sizes = [(width, height)]
    data = b"".join(packer.compress(bytes(1 + (w * bits + 7) // 8) * 16) for w, h in sizes for _ in range(h // 16))
    data += b"".join(packer.compress(bytes(1 + (w * bits + 7) // 8) * (h % 16)) for w, h in sizes) + packer.flush()
    pieces = pieces or len(data)
    idat = b"".join(chunk(b"IDAT", data[start : start + pieces]) for start in range(0, len(data), pieces))
    palette = chunk(b"PLTE", bytes(6)) if color == 3 else b""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + extra + idat + chunk(b"IEND", b"")


def bomb(length):
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(length >> 20)) + packer.flush()


def pngs():
    for name, depth, color in [("bits", 1, 0), ("palette", 8, 3), ("grey16", 16, 0), ("rgba", 8, 6), ("rgba16", 16, 6)]:
        yield f"png-{name}-interlaced", flat_png(SIDE, SIDE, depth, color, 1)
    yield "png-rgb", flat_png(SIDE, SIDE, 8, 2)
    yield "png-rgba16-less", flat_png(5800, 5800, 16, 6, 1)
    yield "png-row", flat_png(1 << 26, 1, 8, 0)
    yield "png-column", flat_png(1, 1 << 22, 8, 2)
    packed = bomb(500 << 20)
    yield "png-text", flat_png(64, 64, 8, 2, extra=chunk(b"zTXt", b"a\0\0" + packed))
    yield "png-profile", flat_png(64, 64, 8, 2, extra=chunk(b"iCCP", b"a\0\0" + packed))
    yield "png-words", flat_png(64, 64, 8, 2, extra=chunk(b"iTXt", b"a\0\1\0\0\0" + packed))
    small = bomb(50 << 20)
    yield "png-texts", flat_png(64, 64, 8, 2, extra=chunk(b"zTXt", b"a\0\0" + small) * 18)
    yield "png-empty-texts", flat_png(64, 64, 8, 2, extra=chunk(b"tEXt", b"") * 80000)
    yield "png-pieces", flat_png(3000, 3000, 8, 2, pieces=1)
    yield "png-too-much-data", flat_png(64, 64, 8, 2)[:33] + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def jpegs():
    grey = Image.new("L", (SIDE, SIDE), 128)
    rgb = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
    yield "jpeg-grey", saved(grey, "JPEG", quality=10, optimize=True)
    yield "jpeg-420", saved(rgb, "JPEG", quality=10, subsampling=2, optimize=True)
    yield "jpeg-grey-progressive", saved(grey, "JPEG", quality=10, progressive=True)
    yield "jpeg-420-progressive", saved(rgb, "JPEG", quality=10, subsampling=2, progressive=True)
    yield "jpeg-444-progressive", saved(rgb, "JPEG", quality=10, subsampling=0, progressive=True)
    less = Image.new("RGB", (6400, 6400), (128, 128, 128))
    yield "jpeg-444-progressive-less", saved(less, "JPEG", quality=10, subsampling=0, progressive=True)
    yield "jpeg-inks", saved(Image.new("CMYK", (4000, 4000)), "JPEG", quality=10, optimize=True)
    for pixels in (64, 1024, 4096, SIDE):
        source = saved(Image.new("L", (pixels, pixels), 99), "JPEG", quality=10, progressive=True)
        found = segments(source)
        first = found[-1][0]
        # Scans of the progressive file: repeated as often as there is room.
        scans, offset = [], first
        while source[offset + 1] == 0xDA or source[offset + 1] == 0xC4:
            end = offset + 2 + int.from_bytes(source[offset + 2 : offset + 4], "big")
            if source[offset + 1] == 0xDA:
                while source[end] != 0xFF or source[end + 1] in (0, *range(0xD0, 0xD8)):
                    end += 1
                scans.append(source[offset:end])
            offset = end
        shortest = min(scans[1:], key=len)
        count = min((1000000 - len(source)) // len(shortest), 20000)
        yield f"jpeg-scans-{pixels}", source[:offset] + shortest * count + source[offset:]
    plain = jpeg(photo(64, 48))
    yield "jpeg-tables", inserted(plain, next(plain[a:b] for a, b in segments(plain) if plain[a + 1] == 0xC4) * 2200)
    yield "jpeg-remarks", inserted(plain, segment(0xE5, b"") * 250000)
    yield "jpeg-exifs", inserted(plain, segment(0xE1, exif(6, count=65535)) * 9000)
    yield "jpeg-stray", inserted(plain, bytes(1000000), segments(plain)[3][0])
    yield "jpeg-fill", inserted(plain, b"\xff" * 1000000, segments(plain)[3][0])
    yield "jpeg-alternating", inserted(plain, b"\0\xff" * 500000, segments(plain)[3][0])
    yield "jpeg-xmp", inserted(plain, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"tiff:Orientatio" * 4000) * 16)
    restarting = jpeg(Image.new("L", (4000, 4000), 99), restart_marker_blocks=1)
    yield "jpeg-restarts", restarting if len(restarting) < 1 << 20 else jpeg(Image.new("L", (3000, 3000), 99), restart_marker_blocks=1)


def others():
    # LZW of one colour: runs that grow by a pixel.
    flat = Image.new("P", (SIDE, SIDE))
    yield "gif", saved(flat, "GIF")
    yield "gif-less", saved(Image.new("P", (7000, 7000)), "GIF")
    small = saved(Image.new("P", (64, 64)), "GIF")
    yield "gif-extensions", small[:13 + 768] + b"\x21\xfe\0" * 300000 + small[13 + 768 :]
    yield "webp-lossless", saved(Image.new("RGB", (SIDE, SIDE)), "WEBP", lossless=True, method=0, quality=0)
    yield "webp-lossless-less", saved(Image.new("RGB", (6000, 6000)), "WEBP", lossless=True, method=0, quality=0)
    yield "webp-lossy", saved(Image.new("RGB", (SIDE, SIDE)), "WEBP", method=0, quality=0)
    yield "webp-alpha", saved(Image.new("RGBA", (6000, 6000)), "WEBP", method=0, quality=0)
    yield "avif", saved(Image.new("RGB", (4000, 4000), (99, 99, 99)), "AVIF", speed=10, quality=0, subsampling="4:2:0")
    configuration, data, _ = hevc(64, 48)
    own = [configuration, size(64, 48)]
    grid = bytes([0, 0, 63, 63]) + struct.pack(">HH", 64 * 64, 64 * 48)
    tiles = [(b"hvc1", data, own), (b"grid", grid, [size(64 * 64, 64 * 48)])]
    yield "heic-tiles", heif(tiles, 2, references=[(b"dimg", 2, [1] * 4096)])
    tiles = [(b"hvc1", data, own), (b"grid", bytes([0, 0, 255, 255]) + struct.pack(">HH", 64 * 256, 48 * 256), own)]
    yield "heic-tiles-many", heif(tiles, 2, references=[(b"dimg", 2, [1] * 65535)])
    rgb = [(258, 3, [8, 8, 8]), (262, 3, [2]), (277, 3, [3])]
    whole = [(256, 4, [SIDE]), (257, 4, [SIDE])]
    strip = zlib.compress(bytes(3 * SIDE * 500), 9)
    yield "tiff-deflate", container([*whole, *rgb, (259, 3, [8])], [strip] * 16, rows=500)
    strip = zlib.compress(bytes(8 * SIDE * 500), 9)
    yield "tiff-deflate-16", container([*whole, (258, 3, [16] * 4), (262, 3, [2]), (277, 3, [4]), (259, 3, [8])], [strip] * 16, rows=500)
    yield "tiff-packbits", container([*whole, (258, 3, [8]), (262, 3, [1]), (277, 3, [1]), (259, 3, [32773])], [(b"\x81\0" * 62 + b"\xc1\0") * SIDE], rows=SIDE)
    yield "tiff-fax", saved(Image.new("1", (SIDE, SIDE)), "TIFF", compression="group4")
    yield "tiff-lzw", saved(Image.new("L", (SIDE, SIDE)), "TIFF", compression="tiff_lzw")
    # As many tiles as are taken, all with the same few bytes.
    tile = zlib.compress(bytes(3 * 256), 9)
    for count, name in [(180, "tiles"), (360, "tiles-many")]:
        data = container([(256, 4, [16 * count]), (257, 4, [16 * count]), *rgb, (259, 3, [8])], [tile], tile=(16, 16))
        yield f"tiff-{name}", shared(data, count * count, len(tile))
    coded = saved(Image.new("L", (16, 16)), "JPEG", quality=10)
    data = container([(256, 4, [2880]), (257, 4, [2880]), (258, 3, [8]), (262, 3, [1]), (277, 3, [1]), (259, 3, [7])], [coded], tile=(16, 16))
    yield "tiff-tiles-jpeg", shared(data, 180 * 180, len(coded))
    yield "tiff-strips", container([(256, 4, [1]), (257, 4, [60000]), *rgb, (259, 3, [1])], [b"abc"] * 60000, rows=1)
    yield "tiff-values", container([(256, 4, [8]), (257, 4, [8]), *rgb, (259, 3, [1]), (258, 3, [8] * 300000)][:2] + [(258, 3, [8] * 300000), (262, 3, [2]), (277, 3, [3]), (259, 3, [1])], [bytes(192)], rows=8)
    for side in (3000, SIDE):
        yield f"jp2-{side}", flat_jp2(side)
    source = flat_png(3200, 3200, 8, 2)
    yield "jxl", ffmpeg("-f", "png_pipe", "-i", "-", "-c:v", "libjxl", "-distance", "15", "-effort", "1", "-f", "image2pipe", "-", source=source)
    header = struct.pack(">4sIIBB", b"qoif", 7900, 7900, 4, 0)
    yield "qoi", header + b"\xfd" * (7900 * 7900 // 62) + bytes([0xC0 | (7900 * 7900 % 62 - 1)]) + bytes(7) + b"\1"
    yield "pnm-words", b"P3\n400 400\n255\n" + b"0 " * 480000
    yield "pnm-remarks", b"P6\n" + b"#\n" * 400000 + b"1 1\n255\nabc"
    runs = b"".join(b"\xff\0" * 126 + bytes([62, 0]) + b"\0\0" for _ in range(2000))[: 1000000]
    information = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 8, 1, len(runs), 0, 0, 2, 0) + bytes(8)
    yield "bmp-runs", struct.pack("<2sIHHI", b"BM", 62 + len(runs), 0, 0, 62) + information + runs
    yield "pcx", saved(Image.new("L", (4000, 4000)), "PCX")


def flat_jp2(side):
    return saved(Image.new("RGB", (side, side)), "JPEG2000", num_resolutions=6)


def shared(data, count, length):
    """With all tiles in the place of the first."""
    directory = bytearray(data)
    entries = struct.unpack_from("<H", data, 8)[0]
    for index in range(entries):
        place = 10 + 12 * index
        tag, _, _, value = struct.unpack_from("<HHII", data, place)
        if tag in (324, 325):
            struct.pack_into("<II", directory, place + 4, count, len(directory))
            directory += struct.pack("<I", value if tag == 324 else length) * count
    return bytes(directory)


def make():
    for part in (pngs, jpegs, others):
        yield from part()
