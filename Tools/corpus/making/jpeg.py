"""JPEG: samplings, colours and remarks as phones, cameras, scanners, messengers and editors write them, and the stray
bytes and damaged remarks of some."""

import io
import struct

import numpy as np
from base import clip, exif, ffmpeg, photo, profile, saved, xmp
from PIL import Image


def jpeg(image=None, **options):
    return saved(image or photo(), "JPEG", **{"quality": 90, **options})


def segment(marker, payload):
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def segments(data):
    """Start and end of every segment; the last is the first scan, to the end of the file."""
    found, offset = [], 2
    while data[offset + 1] != 0xDA:
        end = offset + 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
        found.append((offset, end))
        offset = end
    return [*found, (offset, len(data))]


def inserted(data, extra, at=2):
    return data[:at] + extra + data[at:]


def without_app(data):
    """Without the JFIF or Adobe segments that Pillow writes."""
    kept = [data[a:b] for a, b in segments(data) if not 0xE0 <= data[a + 1] <= 0xEF]
    return b"\xff\xd8" + b"".join(kept)


def renamed(data, names):
    """With other names for the components, in the frame header and in the scan."""
    result = bytearray(data)
    for start, end in segments(data):
        if data[start + 1] in (0xC0, 0xC2):
            for index, name in enumerate(names):
                result[start + 10 + 3 * index] = name
        if data[start + 1] == 0xDA:
            for index, name in enumerate(names):
                result[start + 5 + 2 * index] = name
    return bytes(result)


def restarts(data):
    """Where the restart markers are."""
    start = segments(data)[-1][0]
    return [i for i in range(start, len(data) - 1) if data[i] == 0xFF and 0xD0 <= data[i + 1] <= 0xD7]


def inserted_before(data, places, extra):
    for place in sorted(places, reverse=True):
        data = inserted(data, extra, place)
    return data


def make(add):
    def adds(name, data, bound="jpeg", **expected):
        add(f"jpeg-{name}.jpg", data, bound, **expected)

    plain = jpeg(subsampling=2)
    for name, sampling in [("444", 0), ("422", 1), ("420", 2)]:
        adds(name, jpeg(subsampling=sampling))
        adds(f"{name}-progressive", jpeg(subsampling=sampling, progressive=True))
        adds(f"{name}-restart", jpeg(subsampling=sampling, restart_marker_blocks=2))
        adds(f"{name}-progressive-restart", jpeg(subsampling=sampling, progressive=True, restart_marker_rows=1))
        for size in [(1, 1), (2, 2), (3, 5), (7, 8), (8, 7), (16, 16), (17, 33), (33, 17)]:
            adds(f"{name}-{size[0]}x{size[1]}", jpeg(photo(*size), subsampling=sampling))
    for quality in (1, 20, 50, 75, 100):
        adds(f"quality-{quality}", jpeg(quality=quality))
    adds("optimised", jpeg(optimize=True))
    adds("grey", jpeg(photo().convert("L")))
    adds("grey-progressive", jpeg(photo().convert("L"), progressive=True))
    adds("grey-restart", jpeg(photo().convert("L"), restart_marker_blocks=3))
    adds("dots-only", jpeg(dpi=(300, 300)))
    adds("ffmpeg-420", encoded("mjpeg", "yuvj420p"))
    adds("ffmpeg-422", encoded("mjpeg", "yuvj422p"))
    adds("ffmpeg-444", encoded("mjpeg", "yuvj444p"))
    adds("large", jpeg(photo(500, 400), subsampling=2))
    adds("messenger", without_app(jpeg(photo(160, 120), progressive=True, quality=60)))
    adds("tiny", without_app(jpeg(photo(24, 16), quality=40)))

    # How colours are told apart: by JFIF, by Adobe's marker, by the components' names.
    adobe = b"Adobe\0\x64\0\0\0\0"
    rgb = jpeg(keep_rgb=True, subsampling=0)
    adds("rgb-adobe", rgb)
    adds("rgb-names", renamed(without_app(rgb), b"RGB"))
    adds("rgb-names-jfif", inserted(renamed(without_app(plain), b"RGB"), segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")))
    adds("ycc-adobe", inserted(without_app(plain), segment(0xEE, adobe + b"\1")))
    adds("ycc-jfif-adobe-0", inserted(plain, segment(0xEE, adobe + b"\0"), segments(plain)[0][1]))
    adds("ycc-bare", without_app(plain))
    adds("ycc-names-0", renamed(without_app(plain), b"\0\1\2"))
    adds("ycc-names-high", renamed(without_app(plain), b"\x22\x33\x44"))
    for sampling in (1, 2):
        coarse = renamed(without_app(jpeg(subsampling=sampling)), b"RGB")
        adds(f"rgb-coarse-{sampling}", coarse)
    cmyk = photo().convert("CMYK")
    cmyk.putdata([(c, m, y, (c + m) // 3) for c, m, y, _ in cmyk.get_flattened_data()])
    inks = jpeg(cmyk)
    adds("cmyk-adobe", inks)
    adds("cmyk-bare", without_app(inks))
    adds("ycck-adobe", inserted(without_app(inks), segment(0xEE, adobe + b"\2")))
    adds("cmyk-names", renamed(without_app(inks), b"CMYK"))
    adds("cmyk-progressive", jpeg(cmyk, progressive=True))

    # Remarks: cameras, phones, editors.
    for orientation in range(1, 9):
        adds(f"exif-{orientation}", jpeg(exif=exif(orientation)))
        adds(f"exif-big-{orientation}", jpeg(exif=exif(orientation, ">")))
    adds("exif-after-others", inserted(plain, segment(0xE1, exif(6)), segments(plain)[2][1]))
    adds("exif-9", jpeg(exif=exif(9)), like=plain)
    adds("exif-0", jpeg(exif=exif(0)), like=plain)
    adds("exif-long", jpeg(exif=exif(entries=[(0x112, 4, 1, struct.pack("<I", 3))])))
    adds("xmp-6", inserted(plain, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(6))))
    adds("xmp-element-3", inserted(plain, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(3, element=True))))
    both = inserted(plain, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(3)))
    adds("exif-8-xmp-3", inserted(both, segment(0xE1, exif(8))))
    thumbnail = jpeg(photo(16, 12))
    adds("thumbnail", inserted(plain, segment(0xE1, exif(6) + thumbnail)))
    adds("jfif-thumbnail", inserted(plain, segment(0xE0, b"JFXX\0\x10" + thumbnail), segments(plain)[0][1]))
    adds("maker-note", jpeg(exif=exif(8, entries=[(0x927C, 7, 4, b"Note"), (0x10F, 2, 4, b"Cam\0")])))
    adds("profile", jpeg(icc_profile=profile()))
    adds("profile-in-pieces", jpeg(icc_profile=profile() * 200))
    resources = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x04\x1c\x02\0\0"
    adds("photoshop", jpeg(exif=exif(1), icc_profile=profile(), comment=b"edited", progressive=True) , note=None)
    adds("photoshop-resources", inserted(plain, segment(0xED, resources)))
    multiple = segment(0xE2, b"MPF\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    second = jpeg(photo(30, 20))
    adds("phone-two-pictures", inserted(jpeg(exif=exif(6)), multiple, segments(plain)[0][0]) + second)
    gain = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b'<x:xmpmeta xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>')
    adds("phone-gain-map", inserted(plain, gain + segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0")) + second)
    adds("phone-motion-photo", jpeg(exif=exif(6)) + clip())
    adds("phone-depth-map", jpeg(exif=exif(1)) + second + jpeg(photo(20, 10).convert("L")))
    adds("phone-trailer", plain + b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1730000000000SEFHk\0\0\0\1\0\0\0SEFT")
    adds("comment", jpeg(comment="Grüße".encode()))
    adds("comment-flips", jpeg(comment=b"Intel(R) JPEG Library, version 1,5,4,36"), like=plain)
    adds("comment-flips-2", jpeg(comment=b"Metasoft MJPEG Codec"), like=plain)
    adds("comment-matrix", jpeg(comment=b"CS=ITU601"), like=plain)
    adds("comment-avid", jpeg(comment=b"AVID" + bytes(20)), like=plain)
    adds("comment-fields", inserted(plain, segment(0xE0, b"AVI1\1\0\0\0" + bytes(8))), like=plain)
    adds("app-lossless", inserted(plain, segment(0xE1, b"LJIF" + bytes(20))), like=plain)
    adds("zeros-behind", plain + bytes(5000))
    adds("line-break-behind", plain + b"\r\n")

    # Damaged remarks refuse no picture.
    unreadable = "Exif remarks cannot be read"
    for name, block, note in [
        ("empty", b"Exif\0\0", unreadable), ("cut", exif(6)[:12], unreadable), ("order", b"Exif\0\0XX" + exif(6)[8:], unreadable),
        ("outside", exif(6, start=0x7FFFFFFF), unreadable), ("count", exif(6, count=0), None),
        ("count-huge", b"Exif\0\0" + exif(None, count=65535)[6:], None), ("text", b"Exif\0\0" + b"words" * 9, unreadable),
        ("short", b"Exif\0", unreadable), ("values", exif(entries=[(0x112, 3, 0, bytes(4))]), None),
        ("values-huge", exif(entries=[(0x112, 3, 0xFFFFFFFF, bytes(4))]), None),
        ("type", exif(entries=[(0x112, 99, 1, bytes(4))]), None), ("string", exif(entries=[(0x112, 2, 2, b"6\0\0\0")]), None),
    ]:  # fmt: skip
        adds(f"damaged-exif-{name}", inserted(plain, segment(0xE1, block)), like=plain, note=note)
    # Most readers go by the orientation in spite of these.
    turned = jpeg(exif=exif(6), subsampling=2)
    adds("damaged-exif-magic", inserted(plain, segment(0xE1, exif(6, magic=0))), like=turned)
    adds("damaged-exif-cut-later", inserted(plain, segment(0xE1, exif(6, count=40))), like=turned)
    adds("damaged-profile", inserted(plain, segment(0xE2, b"ICC_PROFILE\0\5\2" + bytes(30))), like=plain)
    adds("damaged-profile-short", inserted(plain, segment(0xE2, b"ICC_PROFILE\0")), like=plain)
    adds("damaged-resources", inserted(plain, segment(0xED, b"Pho")), like=plain)
    adds("damaged-adobe", inserted(plain, segment(0xEE, b"Adobe\0")), like=plain)
    adds("damaged-jfif", inserted(without_app(plain), segment(0xE0, b"JFIF\0")), like=plain)
    adds("damaged-xmp", inserted(plain, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation=")), like=plain)
    for marker in range(0xE0, 0xF0):
        adds(f"empty-app{marker & 15}", inserted(plain, segment(marker, b"")), like=plain)

    # Stray bytes, which libjpeg passes over and counts.
    stray = "stray byte"
    for index, (start, _) in enumerate(segments(plain)[1:]):
        adds(f"stray-{index}", inserted(plain, b"\0\x12\x34", start), note=stray)
    adds("stray-stuffed", inserted(plain, b"\x11\xff\0\x22", segments(plain)[2][0]), note=stray)
    adds("fill", inserted(plain, b"\xff" * 9, segments(plain)[2][0]))
    adds("stray-fill", inserted(plain, b"\x55" + b"\xff" * 9, segments(plain)[2][0]), note=stray)
    adds("stray-end", inserted(plain, b"\x11\x22", len(plain) - 2))
    for sampling in (0, 1, 2):
        for name, options in [("", {}), ("-optimised", {"optimize": True})]:
            restarting = jpeg(subsampling=sampling, restart_marker_blocks=2, **options)
            places = restarts(restarting)
            for count in (1, 2, 7):
                extra = bytes(range(0x31, 0x31 + count))
                adds(f"stray-restarts-{sampling}{name}-{count}", inserted_before(restarting, places, extra), note=stray)
    restarting = jpeg(restart_marker_blocks=2)
    places = restarts(restarting)
    adds("stray-restart-first", inserted_before(restarting, places[:1], b"\x80"), note="1 stray byte was")
    adds("stray-restart-last", inserted_before(restarting, places[-1:], b"\0\0"), note="2 stray bytes were")
    adds("stray-restart-stuffed", inserted_before(restarting, places, b"\xff\0\x9a"), note=stray)
    adds("stray-restart-end", inserted(restarting, b"\x11\x22", len(restarting) - 2), note=stray)
    adds("stray-restart-grey", inserted_before(jpeg(photo().convert("L"), restart_marker_blocks=3), restarts(jpeg(photo().convert("L"), restart_marker_blocks=3)), b"\x01"), note=stray)
    adds("restart-fill", inserted_before(restarting, places, b"\xff\xff"))
    large = jpeg(photo(300, 200), restart_marker_rows=1, quality=95)
    adds("stray-restart-large", inserted_before(large, restarts(large), b"\x42\x43"), note=stray)
    without_tables = b"\xff\xd8" + b"".join(plain[a:b] for a, b in segments(plain) if plain[a + 1] != 0xC4)
    adds("usual-tables-left-out", without_tables)

    # What is lost is not made up.
    adds("refused-restart-lost", restarting[: places[3]] + restarting[places[4] :], refused="restart marker")
    adds("refused-interval-lost", restarting[: places[3] + 2] + restarting[places[4] :], refused="damaged")
    adds("refused-cut", plain[: len(plain) * 2 // 3], refused="damaged")
    adds("refused-no-end", plain[:-2], refused="damaged")
    tables = [(a, b) for a, b in segments(plain) if plain[a + 1] == 0xDB]
    adds("refused-no-quantization", plain[: tables[-1][0]] + plain[tables[-1][1] :], refused="quantization table")
    frame = next(a for a, _ in segments(plain) if plain[a + 1] == 0xC0)
    adds("refused-arithmetic", plain[: frame + 1] + b"\xc9" + plain[frame + 2 :], refused="arithmetic coding")
    adds("refused-12-bits", plain[: frame + 1] + b"\xc1" + plain[frame + 2 : frame + 4] + b"\x0c" + plain[frame + 5 :], refused="12 bits")
    adds("refused-height-later", plain[: frame + 5] + b"\0\0" + plain[frame + 7 :], refused="height after")
    adds("refused-ls", ffmpeg("-f", "png_pipe", "-i", "-", "-c:v", "jpegls", "-f", "image2pipe", "-", source=saved(photo(), "PNG")), refused="JPEG-LS")
    adds("refused-scan-lost", plain[: segments(plain)[-1][0]] + b"\xff\xd9", refused="damaged")
    adds("lossless", encoded("ljpeg", "bgr24"), bound="equal", like=photo())


def encoded(codec, pixel_format):
    source = saved(photo(), "PNG")
    return ffmpeg(
        "-f", "png_pipe", "-i", "-", "-pix_fmt", pixel_format, "-c:v", codec, "-q:v", "2", "-f", "image2pipe", "-", source=source
    )  # fmt: skip
