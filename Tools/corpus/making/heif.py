"""AVIF by Pillow and HEIC by hand, as phones write it: turned and mirrored by the container, cut, and made of tiles."""

import functools
import io
import struct

import numpy as np
from base import clip, exif, ffmpeg, photo, profile, saved, translucent
from PIL import Image


def box(kind, payload, version=None, flags=0):
    if version is not None:
        payload = struct.pack(">I", version << 24 | flags) + payload
    return struct.pack(">I", len(payload) + 8) + kind + payload


def size(width, height):
    return box(b"ispe", struct.pack(">II", width, height), 0)


def turn(quarters):
    return box(b"irot", bytes([quarters]))


def mirror(axis):
    return box(b"imir", bytes([axis]))


def aperture(width, height, across=(0, 1), down=(0, 1)):
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, *across, *down))


def heif(items, primary=1, brand=b"heic", references=(), before=b"", with_exif=None):
    """A file of items (type, bytes, properties), numbered from 1."""
    items = list(items)
    references = list(references)
    if with_exif is not None:
        items.append((b"Exif", struct.pack(">I", 6) + with_exif, []))
        references.append((b"cdsc", len(items), [primary]))
    properties = []
    associations = b""
    for number, (_, _, own) in enumerate(items, 1):
        indices = []
        for one in own:
            if one not in properties:
                properties.append(one)
            indices.append(properties.index(one) + 1)
        if own:
            associations += struct.pack(">HB", number, len(indices)) + bytes(0x80 | i for i in indices)
    count = sum(bool(own) for _, _, own in items)
    ftyp = box(b"ftyp", brand + struct.pack(">I", 0) + brand + b"mif1miaf")

    def meta(start):
        places, offset = b"", start
        for number, (_, data, _) in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, offset, len(data))
            offset += len(data)
        infos = b"".join(box(b"infe", struct.pack(">HH4s", n, 0, kind) + b"\0", 2) for n, (kind, _, _) in enumerate(items, 1))
        parts = [
            box(b"hdlr", bytes(4) + b"pict" + bytes(13), 0), box(b"pitm", struct.pack(">H", primary), 0),
            box(b"iloc", b"\x44\0" + struct.pack(">H", len(items)) + places, 0),
            box(b"iinf", struct.pack(">H", len(items)) + infos, 0),
            box(b"iprp", box(b"ipco", b"".join(properties)) + box(b"ipma", struct.pack(">I", count) + associations, 0)),
        ]  # fmt: skip
        if references:
            body = b"".join(
                box(kind, struct.pack(">HH", source, len(targets)) + struct.pack(f">{len(targets)}H", *targets))
                for kind, source, targets in references
            )
            parts.append(box(b"iref", body, 0))
        return box(b"meta", b"".join(parts), 0)

    start = len(ftyp) + len(before) + len(meta(0)) + 8
    return ftyp + before + meta(start) + box(b"mdat", b"".join(data for _, data, _ in items))


@functools.cache
def hevc(width, height, x=0, y=0, whole=(128, 96)):
    """A part of a picture as a HEVC item: its configuration, its bytes, and the pixels that ffmpeg decodes."""
    image = photo(*whole).crop((x, y, x + width, y + height))
    stream = ffmpeg(
        "-f", "png_pipe", "-i", "-", "-frames:v", "1", "-vf", "scale=out_color_matrix=bt601:out_range=full", "-pix_fmt", "yuv420p",
        "-color_range", "pc", "-colorspace", "smpte170m", "-c:v", "libx265",
        "-x265-params", "log-level=none:qp=8:info=0:range=full:colormatrix=smpte170m", "-f", "hevc", "-",
        source=saved(image, "PNG"),
    )  # fmt: skip
    units = [unit for unit in split(stream)]
    sets = {kind: [u for u in units if u[0] >> 1 & 63 == kind] for kind in (32, 33, 34)}
    coded = b"".join(struct.pack(">I", len(u)) + u for u in units if u[0] >> 1 & 63 < 32)
    arrays = b"".join(
        bytes([0x80 | kind]) + struct.pack(">H", len(found)) + b"".join(struct.pack(">H", len(u)) + u for u in found)
        for kind, found in sets.items()
    )
    level = sets[33][0][3:15]
    configuration = b"\x01" + level + b"\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f" + bytes([len(sets)]) + arrays
    return box(b"hvcC", configuration), coded, image


def split(stream):
    starts = [i for i in range(len(stream) - 3) if stream[i : i + 3] == b"\0\0\1"]
    for start, end in zip(starts, [*starts[1:], len(stream)]):
        yield stream[start + 3 : end].rstrip(b"\0")


def upright(image, *steps):
    for step in steps:
        image = image.transpose(step)
    return image


LEFT, FLIP, TOP = Image.Transpose.ROTATE_90, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM


def tiled(columns, rows, width, height, extra=(), **options):
    """A picture of tiles of 64 x 48 pixels, of which the last may go over the edge."""
    tiles = [hevc(64, 48, 64 * (i % columns), 48 * (i // columns)) for i in range(columns * rows)]
    grid = bytes([0, 0, rows - 1, columns - 1]) + struct.pack(">HH", width, height)
    items = [(b"hvc1", data, [configuration, size(64, 48)]) for configuration, data, _ in tiles]
    items.append((b"grid", grid, [size(width, height), *extra]))
    primary = len(items)
    return heif(items, primary, references=[(b"dimg", primary, list(range(1, primary)))], **options)


def make(add):
    # AVIF by Pillow, which says the orientation in the container and not in Exif.
    for subsampling in ("4:4:4", "4:2:2", "4:2:0", "4:0:0"):
        add(f"avif-{subsampling.replace(':', '')}.avif", saved(photo(), "AVIF", quality=90, subsampling=subsampling), "video")
    for quality in (30, 60, 100):
        add(f"avif-quality-{quality}.avif", saved(photo(120, 90), "AVIF", quality=quality), "video")
    for orientation in range(1, 9):
        add(f"avif-turned-{orientation}.avif", saved(photo(), "AVIF", quality=90, exif=exif(orientation)), "video")
    for width, height in [(1, 1), (3, 5), (16, 16), (65, 33)]:
        add(f"avif-{width}x{height}.avif", saved(photo(width, height), "AVIF", quality=95), "video")
    add("avif-alpha.avif", saved(translucent(), "AVIF", quality=90), "video")
    add("avif-profile.avif", saved(photo(), "AVIF", quality=90, icc_profile=profile()), "video")
    add("avif-grey.avif", saved(photo().convert("L"), "AVIF", quality=90), "video")
    add("avif-limited.avif", saved(photo(), "AVIF", quality=90, range="limited"), "video")
    add("avif-motion.avif", saved(photo(), "AVIF", quality=90) + box(b"mpvd", clip()), "video")
    frames = [photo(), photo().rotate(180)]
    add("avif-animated.avif", saved(frames[0], "AVIF", save_all=True, append_images=frames[1:], quality=90), "video", note="first frame")
    plain = saved(photo(), "AVIF", quality=90)
    add("avif-refused-cut.avif", plain[: len(plain) // 2], refused="damaged")

    # HEIC.
    configuration, data, image = hevc(64, 48)
    own = [configuration, size(64, 48)]

    def single(name, extra=(), like=image, **options):
        expected = {key: options.pop(key) for key in ("note", "refused") if key in options}
        add(f"heic-{name}.heic", heif([(b"hvc1", data, [*own, *extra])], **options), "source", like=like, **expected)

    single("plain")
    single("brand-mif1", brand=b"mif1")
    single("exif-only", with_exif=exif(6, ">"))
    single("free-box", before=box(b"free", bytes(100)))
    for quarters in range(4):
        single(f"turned-{quarters}", [turn(quarters)], upright(image, *[LEFT] * quarters))
        single(f"turned-{quarters}-exif", [turn(quarters)], upright(image, *[LEFT] * quarters), with_exif=exif(6))
        for axis, step in [(0, TOP), (1, FLIP)]:
            single(f"turned-{quarters}-mirrored-{axis}", [turn(quarters), mirror(axis)], upright(image, *[LEFT] * quarters, step))
            single(f"mirrored-{axis}-turned-{quarters}", [mirror(axis), turn(quarters)], upright(image, step, *[LEFT] * quarters))
    single("mirrored-0", [mirror(0)], upright(image, TOP))
    single("mirrored-1", [mirror(1)], upright(image, FLIP))
    # Whatever is cut off lies evenly around what is left, unless the middle is moved.
    single("cut", [aperture(40, 32)], image.crop((12, 8, 52, 40)))
    single("cut-moved", [aperture(40, 32, (-4, 1), (8, 2))], image.crop((8, 12, 48, 44)))
    single("cut-turned", [aperture(40, 32), turn(1)], upright(image.crop((12, 8, 52, 40)), LEFT))
    single("cut-senseless", [aperture(400, 32)], note="makes no sense")
    single("refused-turned-cut", [turn(1), aperture(32, 40)], refused="cut after it is turned")
    single("refused-cut-odd", [aperture(38, 31, (0, 1), (1, 2))], refused="cut between samples")

    whole = photo(128, 96)
    add("heic-tiles.heic", tiled(2, 2, 128, 96), "source", like=whole)
    add("heic-tiles-edge.heic", tiled(2, 2, 100, 70), "source", like=whole.crop((0, 0, 100, 70)))
    add("heic-tiles-odd.heic", tiled(2, 2, 99, 71), "source", like=whole.crop((0, 0, 99, 71)))
    add("heic-tiles-row.heic", tiled(2, 1, 128, 48), "source", like=whole.crop((0, 0, 128, 48)))
    # As iPhones do it: turned by the container, and Exif says it again.
    phone = tiled(2, 2, 120, 96, [turn(3)], with_exif=exif(6, ">"))
    add("heic-phone.heic", phone, "source", like=upright(whole.crop((0, 0, 120, 96)), LEFT, LEFT, LEFT))
    add("heic-phone-motion.heic", phone + box(b"mpvd", clip()), "source", like=upright(whole.crop((0, 0, 120, 96)), LEFT, LEFT, LEFT))
    add("heic-refused-tiles-few.heic", tiled(2, 2, 200, 96), refused="do not make 200 x 96 pixels")
    add("heic-refused-tiles-many.heic", tiled(2, 2, 60, 40), refused="do not make 60 x 40 pixels")
    derived = [(b"hvc1", data, own), (b"iden", b"", [size(64, 48), turn(1)])]
    add("heic-refused-derived.heic", heif(derived, 2, references=[(b"dimg", 2, [1])]), refused="of kind 'iden'")
    add("heic-refused-missing.heic", heif([(b"hvc1", data, own)], 7), refused="is missing")
    add("heic-refused-cut.heic", heif([(b"hvc1", data, own)])[:-300], refused="damaged")
    add("heic-refused-no-configuration.heic", heif([(b"hvc1", data, [size(64, 48)])]), refused="configuration")
    add("heic-refused-huge.heic", heif([(b"hvc1", data, [configuration, size(60000, 60000)])]), refused="more than are accepted")
