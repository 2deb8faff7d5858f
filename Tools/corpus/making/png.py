"""PNG: all kinds of pixels, and remarks of all kinds, whole and damaged."""

import io
import struct
import zlib

import numpy as np
from base import exif, photo, profile, saved, translucent, xmp



def chunk(kind, payload, spoiled=False):
    body = kind + payload
    return struct.pack(">I", len(payload)) + body + struct.pack(">I", zlib.crc32(body) ^ spoiled)


PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(depth, color, values, interlaced=False, before=b"", between=b"", after=b"", pieces=None):
    """A PNG of samples [rows, columns, channels]; chunks may stand before the palette's place, before and after IDAT."""
    height, width, channels = values.shape

    def packed(row):
        if depth == 16:
            return row.astype(">u2").tobytes()
        shifts = np.arange(depth - 1, -1, -1)
        return np.packbits((row.reshape(-1)[:, None] >> shifts & 1).reshape(-1)).tobytes()

    parts = [values[y::dy, x::dx] for x, y, dx, dy in PASSES] if interlaced else [values]
    raw = b"".join(b"\0" + packed(row) for part in parts if part.size for row in part)
    data = zlib.compress(raw)
    pieces = pieces or len(data)
    idat = b"".join(chunk(b"IDAT", data[start : start + pieces]) for start in range(0, len(data), pieces))
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + between + idat + after + chunk(b"IEND", b"")


def make(add):
    rng = np.random.default_rng(1)
    width, height = 21, 13
    for interlaced in (False, True):
        suffix = "-interlaced" if interlaced else ""
        for depth in (1, 2, 4, 8, 16):
            grey = rng.integers(0, 1 << depth, (height, width, 1))
            add(f"png-grey{depth}{suffix}.png", png(depth, 0, grey, interlaced))
            if depth <= 8:
                palette = rng.integers(0, 256, 3 << depth, dtype=np.uint8).tobytes()
                add(f"png-palette{depth}{suffix}.png", png(depth, 3, grey, interlaced, chunk(b"PLTE", palette)))
        for depth in (8, 16):
            for kind, color, channels in [("rgb", 2, 3), ("grey-alpha", 4, 2), ("rgba", 6, 4)]:
                values = rng.integers(0, 1 << depth, (height, width, channels))
                add(f"png-{kind}{depth}{suffix}.png", png(depth, color, values, interlaced))
    for size in [(1, 1), (1, 9), (9, 1), (5, 3), (8, 8)]:
        values = rng.integers(0, 256, (*size, 3))
        add(f"png-{size[0]}x{size[1]}.png", png(8, 2, values))
        add(f"png-{size[0]}x{size[1]}-interlaced.png", png(8, 2, values, True))

    picture = np.asarray(photo()).astype(int)
    plain = png(8, 2, picture)

    def remark(name, data, where="before", **expected):
        add(f"png-{name}.png", png(8, 2, picture, **{where: data}), **expected)

    # Transparency by colour or index, which leaves the colours as they are.
    remark("trns", chunk(b"tRNS", struct.pack(">HHH", *picture[3, 4])))
    remark("trns-short", chunk(b"tRNS", b"\0"), like=plain)
    remark("trns-long", chunk(b"tRNS", bytes(300)), like=plain)
    indices = rng.integers(0, 16, (height, width, 1))
    palette = chunk(b"PLTE", rng.integers(0, 256, 48, dtype=np.uint8).tobytes())
    add("png-palette-trns.png", png(4, 3, indices, before=palette, between=chunk(b"tRNS", bytes(range(0, 256, 16)))))
    add("png-palette-trns-long.png", png(4, 3, indices, before=palette, between=chunk(b"tRNS", bytes(256))))
    short = chunk(b"PLTE", bytes(range(30)))
    add("png-palette-of-10.png", png(4, 3, indices % 10, before=short))

    # Remarks, as browsers, cameras and editors write them.
    remark("suggested-palette", chunk(b"PLTE", bytes(range(48))))
    remark("gamma", chunk(b"gAMA", struct.pack(">I", 45455)))
    remark("chromaticities", chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)))
    remark("srgb", chunk(b"sRGB", b"\0"))
    remark("dots", chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)))
    remark("bits", chunk(b"sBIT", b"\x08\x08\x08"))
    remark("background", chunk(b"bKGD", struct.pack(">HHH", 255, 255, 255)))
    remark("time", chunk(b"tIME", struct.pack(">HBBBBB", 2026, 11, 30, 1, 2, 3)), "after")
    remark("text", chunk(b"tEXt", b"Software\0made by hand"))
    remark("text-packed", chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"words " * 99)))
    remark("text-utf8", chunk(b"iTXt", b"Title\0\0\0\0\0" + "Fähre".encode()), "after")
    remark("profile", chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile())))
    remark("private", chunk(b"prVt", bytes(100)))
    remark("png-cicp", chunk(b"cICP", b"\x01\x0d\x00\x01"))

    # Damage in them refuses no picture.
    for name, data in [
        ("gamma-short", chunk(b"gAMA", b"\0")), ("chromaticities-short", chunk(b"cHRM", b"\0\0")),
        ("dots-short", chunk(b"pHYs", b"\0\0\0")), ("text-empty", chunk(b"tEXt", b"")),
        ("text-packed-cut", chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"words " * 99)[:20])),
        ("text-packed-method", chunk(b"zTXt", b"Comment\0\x07junk")), ("text-utf8-cut", chunk(b"iTXt", b"Title\0")),
        ("profile-cut", chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile())[:50])),
        ("profile-junk", chunk(b"iCCP", bytes(40))), ("profile-nameless", chunk(b"iCCP", b"\0")),
        ("spoiled-crc", chunk(b"tEXt", b"Comment\0words", spoiled=True)), ("exif-empty", chunk(b"eXIf", b"")),
        ("animation-short", chunk(b"acTL", b"\0")),
    ]:  # fmt: skip
        note = "Exif" if name.startswith("exif") else None
        remark(f"damaged-{name}", data, like=plain, note=note)
    remark("damaged-exif-junk", chunk(b"eXIf", b"no Exif at all"), like=plain, note="Exif")

    for orientation in range(1, 9):
        remark(f"exif-{orientation}", chunk(b"eXIf", exif(orientation, ">", prefix=b"")))
    remark("exif-late", chunk(b"eXIf", exif(6, prefix=b"")), "after")
    remark("exif-prefixed", chunk(b"eXIf", exif(6)))
    remark("xmp-6", chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(6)))
    remark("xmp-element-8", chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(8, element=True)))

    add("png-pieces.png", png(8, 2, picture, pieces=7))
    add("png-trailing.png", plain + b"PK\x03\x04 and whatever was appended" * 9)
    frames = [photo(), photo().rotate(180)]
    add("png-animated.png", saved(frames[0], "PNG", save_all=True, append_images=frames[1:]), note="first frame")
    add(
        "png-animated-cover.png",
        saved(frames[0], "PNG", save_all=True, append_images=frames, default_image=True), note="first frame",
    )  # fmt: skip
    add("png-screenshot.png", saved(photo(320, 200).quantize(256), "PNG", optimize=True))
    add("png-optimised.png", saved(translucent(), "PNG", optimize=True, compress_level=9))

    # Damage of the picture itself.
    whole = zlib.compress(b"".join(b"\0" + row.tobytes() for row in picture.astype(np.uint8)))
    header = plain[8:33]

    def with_data(data, spoiled=False):
        return plain[:8] + header + chunk(b"IDAT", data, spoiled) + chunk(b"IEND", b"")

    add("png-refused-crc.png", with_data(whole, True), refused="damaged")
    add("png-refused-cut.png", with_data(whole[: len(whole) // 2]), refused="damaged")
    few = zlib.compress(b"".join(b"\0" + row.tobytes() for row in picture[:20].astype(np.uint8)))
    add("png-refused-few-rows.png", with_data(few), refused="damaged")
    add("png-refused-no-data.png", with_data(b""), refused="damaged")
    add("png-refused-no-palette.png", png(4, 3, indices), refused="damaged")
    add("png-refused-late-palette.png", png(4, 3, indices, after=palette), refused="damaged")
    add("png-refused-ends.png", plain[: len(plain) // 2], refused="damaged")
    add("png-refused-empty-size.png", plain[:16] + bytes(8) + plain[24:], refused="damaged")
    add("png-refused-apple.png", plain[:8] + chunk(b"CgBI", b"\x50\0\x20\x02") + plain[8:], refused="private form of Apple")
    add("png-refused-huge.png", plain[:16] + struct.pack(">II", 60000, 60000) + plain[24:], refused="more than are accepted")
