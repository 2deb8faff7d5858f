"""GIF and WebP: stills and animations, of which the first frame counts."""

import struct

import numpy as np
from base import clip, exif, photo, profile, saved, translucent, xmp
from PIL import Image


def gif(add):
    palette = photo().quantize(61)
    frames = [palette, photo().rotate(90).resize(palette.size).quantize(40)]
    plain = saved(palette, "GIF")
    add("gif-palette.gif", plain)
    add("gif-grey.gif", saved(photo().convert("L"), "GIF"))
    add("gif-bit.gif", saved(photo().convert("1"), "GIF"))
    add("gif-colours-2.gif", saved(photo().quantize(2), "GIF"))
    add("gif-colours-256.gif", saved(photo(200, 150).quantize(256), "GIF"))
    add("gif-interlaced.gif", saved(palette, "GIF", interlace=1))
    add("gif-transparent.gif", saved(palette, "GIF", transparency=3))
    add("gif-comment.gif", saved(palette, "GIF", comment=b"words" * 100))
    add("gif-1x1.gif", saved(palette.resize((1, 1)), "GIF"))
    add("gif-wide.gif", saved(photo(3000, 2).quantize(8), "GIF"))
    add("gif-trailing.gif", plain + b"appended")
    add("gif-87a.gif", b"GIF87a" + plain[6:])
    animated = saved(palette, "GIF", save_all=True, append_images=frames[1:], loop=0, duration=50)
    first = "first frame of an animation"
    add("gif-animated.gif", animated, note=first)
    add("gif-animated-disposed.gif", saved(palette, "GIF", save_all=True, append_images=frames[1:], disposal=2), note=first)
    add(
        "gif-animated-transparent.gif",
        saved(translucent(), "GIF", save_all=True, append_images=[translucent().rotate(180)]), note=first,
    )  # fmt: skip
    add("gif-animated-cut.gif", animated[: len(animated) - 200], note=first)
    # A local palette, and a frame that is smaller than the canvas.
    colors = np.arange(24, dtype=np.uint8).reshape(8, 3) * 9
    local = struct.pack("<6sHHBBB", b"GIF89a", 4, 3, 0, 0, 0) + b"\x2c" + struct.pack("<HHHHB", 0, 0, 4, 3, 0x82)
    # Eleven clear codes apart, each pixel as it is: 4-bit codes.
    pixels = [0, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4]
    bits = "".join(f"{code:04b}"[::-1] for pixel in pixels for code in (8, pixel)) + "1001"
    coded = bytes(int(bits[i : i + 8].ljust(8, "0")[::-1], 2) for i in range(0, len(bits), 8))
    add("gif-local-palette.gif", local + colors.tobytes() + b"\x03" + bytes([len(coded)]) + coded + b"\0\x3b")
    canvas = struct.pack("<6sHHBBB", b"GIF89a", 9, 8, 0x82, 0, 0) + colors.tobytes()
    small = b"\x2c" + struct.pack("<HHHHB", 3, 2, 4, 3, 0) + b"\x03" + bytes([len(coded)]) + coded + b"\0"
    add("gif-smaller-frame.gif", canvas + small + b"\x3b")
    add("gif-no-end.gif", canvas + small)
    add("gif-unknown-extension.gif", canvas + b"\x21\x77\x03abc\0" + small + b"\x3b")
    add("gif-refused-cut.gif", plain[: len(plain) // 2], refused="damaged")
    add("gif-refused-empty.gif", canvas + b"\x3b", refused="without a picture")
    add("gif-refused-few-pixels.gif", canvas[:6] + struct.pack("<HH", 9, 80) + canvas[10:] + small.replace(struct.pack("<HHHH", 3, 2, 4, 3), struct.pack("<HHHH", 0, 0, 9, 80)) + b"\x3b", refused="damaged")


def chunk(kind, payload):
    return kind + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)


def riff(*chunks):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunks(data):
    found, offset = [], 12
    while offset < len(data):
        length = int.from_bytes(data[offset + 4 : offset + 8], "little")
        found.append(data[offset : offset + 8 + length + length % 2])
        offset += 8 + length + length % 2
    return found


def webp(add):
    add("webp-lossless.webp", saved(photo(), "WEBP", lossless=True))
    add("webp-lossless-alpha.webp", saved(translucent(), "WEBP", lossless=True, exact=True))
    add("webp-lossless-palette.webp", saved(photo().quantize(16), "WEBP", lossless=True))
    add("webp-lossless-grey.webp", saved(photo().convert("L"), "WEBP", lossless=True))
    add("webp-lossless-large.webp", saved(photo(300, 220), "WEBP", lossless=True, method=6))
    for quality in (10, 50, 80, 100):
        add(f"webp-quality-{quality}.webp", saved(photo(200, 150), "WEBP", quality=quality), "webp")
    for size in [(1, 1), (2, 3), (17, 9), (16, 16)]:
        add(f"webp-{size[0]}x{size[1]}.webp", saved(photo(*size), "WEBP", lossless=True))
        add(f"webp-lossy-{size[0]}x{size[1]}.webp", saved(photo(*size), "WEBP", quality=95), "webp")
    add("webp-alpha.webp", saved(translucent(photo(200, 150)), "WEBP", quality=90, exact=True), "webp")
    add("webp-alpha-lossy.webp", saved(translucent(photo(200, 150)), "WEBP", quality=90, alpha_quality=30, exact=True), "webp")
    add("webp-profile.webp", saved(photo(), "WEBP", lossless=True, icc_profile=profile()))
    for orientation in range(1, 9):
        add(f"webp-exif-{orientation}.webp", saved(photo(), "WEBP", lossless=True, exif=exif(orientation)))
    add("webp-exif-bare.webp", saved(photo(), "WEBP", lossless=True, exif=exif(6, prefix=b"")))
    add("webp-xmp.webp", saved(photo(), "WEBP", lossless=True, xmp=xmp(6)))
    still = saved(photo(), "WEBP", lossless=True)
    size = struct.pack("<I", 60)[:3] + struct.pack("<I", 42)[:3]

    def extended(flags, *others):
        return riff(chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size), *others)

    picture = chunks(still)[0]
    note = "Exif"
    add("webp-damaged-exif.webp", extended(8, picture, chunk(b"EXIF", b"no Exif")), like=still, note=note)
    add("webp-damaged-exif-empty.webp", extended(8, picture, chunk(b"EXIF", b"")), like=still, note=note)
    add("webp-damaged-exif-cut.webp", extended(8, picture, chunk(b"EXIF", exif(6)[:11])), like=still, note=note)
    add("webp-damaged-profile.webp", extended(32, chunk(b"ICCP", b"\0"), picture), like=still)
    add("webp-damaged-xmp.webp", extended(4, picture, chunk(b"XMP ", b"\xff\xfe<")), like=still)
    add("webp-flags-lie.webp", extended(0x3C, picture), like=still)
    add("webp-unknown-chunk.webp", extended(0, chunk(b"WHAT", bytes(7)), picture, chunk(b"EVER", bytes(3))), like=still)
    add("webp-trailing.webp", still + b"\0" * 77, like=still)
    add("webp-motion.webp", still + clip(), like=still)
    first = "first frame of an animation"
    frames = [translucent(), translucent(photo().rotate(180))]
    animated = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, exact=True)
    add("webp-animated.webp", animated, note=first)
    opaque = saved(photo(200, 150), "WEBP", save_all=True, append_images=[photo(200, 150).rotate(180)], quality=80)
    add("webp-animated-lossy.webp", opaque, "webp", note=first)
    one = saved(frames[0], "WEBP", save_all=True, append_images=[frames[0]], lossless=True, exact=True)
    add("webp-animated-alike.webp", one)
    add("webp-refused-cut.webp", still[: len(still) // 2], refused="damaged")
    add("webp-refused-canvas.webp", riff(chunk(b"VP8X", bytes([0, 0, 0, 0]) + b"\x50\0\0\x50\0\0"), picture), refused="damaged")
    add("webp-refused-data.webp", riff(picture[:60].replace(picture[4:8], struct.pack("<I", 52))), refused="damaged")


def make(add):
    gif(add)
    webp(add)
