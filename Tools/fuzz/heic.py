"""Puts the container of a HEIC file around the first picture of an MP4 file with HEVC (ISO/IEC 23008-12)."""

import struct
import sys


def boxes(data, start, end):
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        yield kind, start + 8, start + size
        start += size


def find(data, path, start=0, end=None):
    end = len(data) if end is None else end
    for kind, begin, stop in boxes(data, start, end):
        if kind == path[0]:
            return (begin, stop) if len(path) == 1 else find(data, path[1:], begin, stop)
    raise SystemExit(f"no {path[0].decode()} in the file")


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full(kind, *parts, version=0, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def heic(config, picture, width, height, properties=b""):
    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    entry = full(b"infe", struct.pack(">HH4s", 1, 0, b"hvc1"), b"\0", version=2)
    kinds = box(b"ipco", config, full(b"ispe", struct.pack(">II", width, height)), properties)
    count = 3 if properties else 2
    used = full(b"ipma", struct.pack(">IHB", 1, 1, count), bytes([0x81, 2, 0x83][:count]))

    def meta(offset):
        place = full(b"iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, len(picture)))
        return full(
            b"meta", full(b"hdlr", bytes(4), b"pict", bytes(13)), full(b"pitm", struct.pack(">H", 1)), place,
            full(b"iinf", struct.pack(">H", 1), entry), box(b"iprp", kinds, used))

    offset = len(head) + len(meta(0)) + 8
    return head + meta(offset) + box(b"mdat", picture)


def main():
    data = open(sys.argv[1], "rb").read()
    table = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
    begin, stop = find(data, table + (b"stsd",))
    # A version, a count, the entry's own head and its 78 bytes of fields come before its boxes.
    config = find(data, (b"hvcC",), begin + 8 + 8 + 78, stop)
    width, height = struct.unpack_from(">HH", data, begin + 8 + 8 + 24)
    size = struct.unpack_from(">I", data, find(data, table + (b"stsz",))[0] + 12)[0]
    start = struct.unpack_from(">I", data, find(data, table + (b"stco",))[0] + 8)[0]
    described, picture = box(b"hvcC", data[config[0]:config[1]]), data[start:start + size]
    for name, extra in [("plain", b""), ("turned", box(b"irot", b"\1")), ("mirrored", box(b"imir", b"\0"))]:
        with open(f"{sys.argv[2]}/{name}.heic", "wb") as file:
            file.write(heic(described, picture, width, height, extra))


main()
