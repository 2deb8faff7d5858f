"""BMP, and the formats that FFmpeg's demuxers know: JPEG 2000, JPEG XL, PNM, QOI and the like."""

import io
import struct

import numpy as np
from base import MEDIA, exif, ffmpeg, photo, saved, translucent
from PIL import Image


def bmp(add):
    palette, bit = photo().quantize(61), photo().convert("1")
    for kind, image in [("rgb", photo()), ("grey", photo().convert("L")), ("palette", palette), ("bit", bit), ("rgba", translucent())]:
        add(f"bmp-{kind}.bmp", saved(image, "BMP"))
    rows = np.asarray(photo())[:, :, ::-1]

    def packed(rows, order=-1):
        return b"".join(row.tobytes().ljust((len(row.tobytes()) + 3) // 4 * 4, b"\0") for row in rows[::order])

    def file(bits, data, height=43, compression=0, palette=b"", header=40, colors=0, extra=b""):
        information = struct.pack("<IiiHHIIiiII", header, 61, height, 1, bits, compression, len(data), 2835, 2835, colors, 0)
        information += extra
        offset = 14 + len(information) + len(palette)
        return struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset) + information + palette + data

    add("bmp-top-down.bmp", file(24, packed(rows, 1), height=-43))
    four = np.dstack([rows, np.full(rows.shape[:2], 0, np.uint8)])
    add("bmp-32.bmp", file(32, packed(four)))
    for name, masks, shifts in [("555", None, (10, 5, 0, 5)), ("565", (0xF800, 0x7E0, 0x1F), (11, 5, 0, 6)), ("555-masks", (0x7C00, 0x3E0, 0x1F), (10, 5, 0, 5))]:
        r, g, b = (np.asarray(photo())[..., i].astype(np.uint16) for i in range(3))
        value = (r >> 3) << shifts[0] | (g >> (8 - shifts[3])) << shifts[1] | b >> 3
        data = packed(value.astype("<u2"))
        add(f"bmp-{name}.bmp", file(16, data, compression=3 if masks else 0, palette=struct.pack("<III", *masks) if masks else b""))
    light = np.asarray(photo().convert("L"))
    greys = b"".join(bytes([i, i, i, 0]) for i in range(256))
    add("bmp-grey-16.bmp", file(4, packed(np.array([[row[i] >> 4 << 4 | (row[i + 1] >> 4 if i + 1 < 61 else 0) for i in range(0, 61, 2)] for row in light], np.uint8)), palette=b"".join(bytes([i * 17] * 3 + [0]) for i in range(16))))
    colors = b"".join(bytes([i, 255 - i, i // 2, 0]) for i in range(256))
    runs = b""
    for row in light[::-1]:
        start = 0
        while start < 61:
            end = start
            while end < 61 and row[end] == row[start]:
                end += 1
            runs += bytes([end - start, row[start]])
            start = end
        runs += b"\0\0"
    add("bmp-run-lengths.bmp", file(8, runs + b"\0\1", compression=1, palette=colors))
    add("bmp-os2.bmp", os2(light))
    add("bmp-v4.bmp", file(24, packed(rows), header=108, extra=bytes(68)))
    add("bmp-v5.bmp", file(24, packed(rows), header=124, extra=bytes(84)))
    add("bmp-trailing.bmp", file(24, packed(rows)) + b"appended")
    add("bmp-refused-cut.bmp", saved(photo(), "BMP")[:-3000], refused="damaged")
    add("bmp-refused-huge.bmp", saved(photo(), "BMP")[:18] + struct.pack("<ii", 60000, 60000) + saved(photo(), "BMP")[26:], refused="more than are accepted")


def os2(light):
    data = b"".join(row.tobytes().ljust(64, b"\0") for row in light[::-1])
    palette = b"".join(bytes([i, 255 - i, i // 2]) for i in range(256))
    header = struct.pack("<IHHHH", 12, 61, 43, 1, 8)
    offset = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset) + header + palette + data


def converted(codec, image=None, options=(), pixel_format=None):
    chosen = ["-pix_fmt", pixel_format] if pixel_format else []
    return ffmpeg(
        "-f", "png_pipe", "-i", "-", *chosen, "-c:v", codec, *options, "-f", "image2pipe", "-", source=saved(image or photo(), "PNG")
    )  # fmt: skip


def make(add):
    bmp(add)
    rgb, grey, bit = photo(), photo().convert("L"), photo().convert("1")
    # PNM, as the programs of the tool kit of that name write it.
    for image, kind in [(rgb, "ppm"), (grey, "pgm"), (bit, "pbm")]:
        add(f"pnm-{kind}.{kind}", saved(image, "PPM"))
    plain = "P3\n# a remark\n61 43\n255\n" + "\n".join(" ".join(map(str, row.reshape(-1))) for row in np.asarray(rgb)) + "\n"
    add("pnm-plain.ppm", plain.encode(), like=rgb)
    deep = (np.asarray(rgb).astype(np.uint16) * 257).astype(">u2").tobytes()
    add("pnm-16.ppm", b"P6\n61 43\n65535\n" + deep, "deep", like=rgb)
    add("pnm-pam.pam", b"P7\nWIDTH 61\nHEIGHT 43\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + rgb.tobytes(), like=rgb)
    add("pnm-refused-cut.ppm", saved(rgb, "PPM")[:-2000], refused="damaged")
    add("pnm-refused-huge.ppm", b"P6\n60000 60000\n255\n" + bytes(1000), refused="more than are accepted")
    # JPEG 2000.
    for kind, image in [("rgb", rgb), ("grey", grey), ("rgba", translucent())]:
        add(f"jp2-{kind}.jp2", saved(image, "JPEG2000"))
        add(f"j2k-{kind}.j2k", saved(image, "JPEG2000", no_jp2=True))
    add("jp2-tiles.jp2", saved(photo(200, 150), "JPEG2000", tile_size=(64, 64)))
    add("jp2-lossy.jp2", saved(photo(200, 150), "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[10]), "jpeg")
    add("jp2-refused-cut.jp2", saved(rgb, "JPEG2000")[:2000], refused="damaged")
    # JPEG XL and QOI.
    add("jxl-lossless.jxl", converted("libjxl", options=["-distance", "0"], pixel_format="rgb24"), like=rgb)
    add("jxl-lossy.jxl", converted("libjxl", photo(120, 90), ["-distance", "0.5"], "rgb24"), "source", like=photo(120, 90))
    add("jxl-alpha.jxl", converted("libjxl", translucent(), ["-distance", "0"], "rgba"), like=rgb)
    lossless = converted("libjxl", options=["-distance", "0"], pixel_format="rgb24")
    add("jxl-refused-cut.jxl", lossless[: len(lossless) // 2], refused="damaged")
    add("qoi-rgb.qoi", converted("qoi", pixel_format="rgb24"))
    add("qoi-rgba.qoi", converted("qoi", translucent(), pixel_format="rgba"))
    # Formats of older programs.
    add("pcx-rgb.pcx", saved(rgb, "PCX"))
    add("pcx-palette.pcx", saved(rgb.quantize(61), "PCX"))
    add("sgi-rgb.sgi", saved(rgb, "SGI"))
    add("sgi-grey.sgi", saved(grey, "SGI"))
    add("sun-rgb.ras", converted("sunrast", pixel_format="bgr24"), like=rgb)
    # Neither is a picture that can be looked at, or none that is known.
    add("refused-empty.jpg", b"", refused="the file is empty")
    add("refused-text.jpg", b"This is no picture at all.\n" * 20, refused="not a media format")
    add("refused-page.png", b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>", refused="a web page")
    add("refused-pointer.png", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n", refused="Git LFS")
    add("refused-drawing.svg", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', refused="SVG")
    add("refused-document.pdf", saved(rgb, "PDF"), refused="a PDF document")
    add("refused-zip.jpg", b"PK\x03\x04" + bytes(200), refused="not a media format")
    add("refused-zeros.jpg", bytes(1000), refused="not a media format")
    add("refused-icon.icns", saved(photo(64, 64).convert("RGBA"), "ICNS"), refused="not a media format")
    add("refused-tga.tga", saved(rgb, "TGA"), refused="not a media format")
    add("refused-sound.wav", (MEDIA / "formats" / "sound.wav").read_bytes(), refused="holds no picture or video")
