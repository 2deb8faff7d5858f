"""Compares the frames that Percept reads from videos with those that ffmpeg reads.

Usage: videos.py --binaries FOLDER [--keep FOLDER] [NAME...]

The clips are made here with ffmpeg: containers, codecs, turns, rates and damages that people's recordings have. Both
programs decode with the same libraries, so that samples must be equal to the bit, save where a sample of more than eight
bits becomes one of eight (a difference of one is allowed there). What is independent of Percept: how many frames there are
and in what order, which stream they are of, and how they become upright: ffmpeg turns them itself, with filters, while
Percept's frames are turned here by the orientation that it states. Of a damaged clip every frame that Percept gives must
be one that ffmpeg gives of it, in order, and what must be left at least is stated with each.

The last line is "N passed, N failed"; the exit code is 1 where something failed.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageSequence

X264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"
SOUND = "-f lavfi -i sine=d=1"


class Clip:
    """A file, how it is made, and what must come of it."""

    def __init__(self, name, make, count=None, note=None, refusal=None, least=None, turned=None, loose=0, pixels=None,
                 map="0:v:0", like=None, kind="video", pillow=False):
        self.name = name
        #: Arguments of ffmpeg in front of the file's name, or a function of the file's path.
        self.make = make
        #: Frames that there must be, where ffmpeg's number is not enough.
        self.count = count
        #: A regular expression that a note must match; without it no note is expected.
        self.note = note
        #: A regular expression that the error must match; the file is refused then.
        self.refusal = refusal
        #: Frames that must be left of a damaged file.
        self.least = least
        #: The orientation that must be stated.
        self.turned = turned
        #: The largest difference of samples.
        self.loose = loose
        #: ffmpeg's format of pixels to compare with, unless it is that of the layout.
        self.pixels = pixels
        #: The stream that is meant, in ffmpeg's words.
        self.map = map
        #: The clip whose frames are compared with, where ffmpeg refuses this one.
        self.like = like
        #: What the file is taken for: a video, an animation, or an image.
        self.kind = kind
        #: Whether the frames are compared with those that Pillow reads, since ffmpeg reads none.
        self.pillow = pillow


def run(*arguments):
    done = subprocess.run(arguments, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: {done.stderr.decode(errors='replace')[-600:]}")
    return done.stdout


def ffmpeg(*arguments):
    return run("ffmpeg", "-hide_banner", "-v", "error", "-nostdin", "-y", "-bitexact", *arguments)


def test(size="96x64", rate=25, seconds=1):
    return f"-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds}"


def encoded(options, size="96x64", rate=25, seconds=1):
    """Makes a clip of the test picture with these options."""

    def make(path):
        ffmpeg(*test(size, rate, seconds).split(), *options.split(), path)

    return make


def command(line):
    """Makes a clip with these arguments of ffmpeg."""

    def make(path):
        ffmpeg(*line.split(), path)

    return make


def edited(make, change):
    """Makes a clip and changes its bytes."""

    def both(path):
        make(path)
        data = path.read_bytes()
        path.write_bytes(bytes(change(bytearray(data))))

    return both


def cut(part):
    return lambda data: data[: int(len(data) * part)]


def flipped(first, last, step):
    """A bit flipped in every `step`-th byte of a part of the file."""

    def change(data):
        for place in range(int(len(data) * first), int(len(data) * last), step):
            data[place] ^= 0x55
        return data

    return change


def without_packets(*numbers, pid=0x100):
    """A transport stream without some of its packets: those of the pictures, counted from 0."""

    def change(data):
        packets = [data[place : place + 188] for place in range(0, len(data) - 187, 188)]
        pictures = [n for n, p in enumerate(packets) if (p[1] & 0x1F) << 8 | p[2] == pid]
        gone = {pictures[int(len(pictures) * n) if isinstance(n, float) else n] for n in numbers}
        return b"".join(p for n, p in enumerate(packets) if n not in gone)

    return change


def box(data, *path):
    """Where a box of an MP4 file lies: its first byte, the first of its content, and its end."""
    start, end = 0, len(data)
    for name in path:
        place = start
        while place + 8 <= end:
            size, kind = struct.unpack(">I4s", data[place : place + 8])
            if kind == name:
                break
            place += size
        else:
            raise RuntimeError(f"no box {name}")
        found, start, end = place, place + 8, place + size
    return found, start, end


def matrix(a, b, c, d):
    """Writes a display matrix into the track's header."""

    def change(data):
        _, start, _ = box(data, b"moov", b"trak", b"tkhd")
        place = start + (40 if data[start] == 0 else 52)
        numbers = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
        data[place : place + 36] = struct.pack(">9i", *numbers)
        return data

    return change


def from_box(*path):
    """Cuts a file off in front of a box."""
    return lambda data: data[: box(data, *path)[0]]


def fragments(count, extra):
    """The first fragments of a file, and some bytes of the next."""

    def change(data):
        starts = [m.start() - 4 for m in re.finditer(b"moof", bytes(data))]
        return data[: starts[count] + extra]

    return change


def jpeg_bytes(insert, where):
    """Puts bytes into every JPEG of a stream of JPEGs in front of a marker."""

    def change(data):
        marker = b"\xff" + where
        return bytes(data).replace(marker, insert + marker)

    return change


def joined(*makes):
    """Files of the same kind, one behind the other."""

    def both(path):
        parts = []
        for number, make in enumerate(makes):
            part = path.with_name(f"part{number}-{path.name}")
            make(part)
            parts.append(part.read_bytes())
            part.unlink()
        path.write_bytes(b"".join(parts))

    return both


def cover(container):
    """Music with a cover, and a video with one."""

    def make(path):
        picture = path.with_name(path.name + ".jpg")
        ffmpeg(*test("64x64").split(), "-frames:v", "1", picture)
        if container == "mp4":
            ffmpeg(*test().split(), "-i", picture, *"-map 1:v -map 0:v -c:v:0 copy -disposition:v:0 attached_pic".split(),
                   *"-c:v:1 libx264 -preset ultrafast -pix_fmt yuv420p".split(), path)
        elif container == "mkv":
            ffmpeg(*test().split(), *X264.split(), "-attach", picture, "-metadata:s:t", "mimetype=image/jpeg",
                   "-metadata:s:t", "filename=cover.jpg", path)
        else:
            ffmpeg(*SOUND.split(), "-i", picture, *"-map 0:a -map 1:v -c:v copy -disposition:v attached_pic".split(), path)
        picture.unlink()

    return make


def unevenly(options):
    """Frames at uneven times, as phones and screen recorders have them."""
    return command(test(seconds=2) + " -vf select='not(mod(n\\,7))+not(mod(n\\,3))' -fps_mode vfr " + options)


def sizes(path):
    """A stream that changes its size."""
    small, large = path.with_name("small-" + path.name), path.with_name("large-" + path.name)
    encoded(X264 + " -g 5 -bf 0", "96x64")(small)
    encoded(X264 + " -g 5 -bf 0", "128x96")(large)
    path.write_bytes(small.read_bytes() + large.read_bytes())
    small.unlink()
    large.unlink()


RESTARTS = "-c:v mjpeg -q:v 3 -slices 4 -threads 4 -f mjpeg"


def stray():
    """MJPEG with bytes in front of restart markers, as cheap cameras write it, put into a container as it is."""

    def make(path):
        stream = path.with_name(path.name + ".jpegs")
        ffmpeg(*test().split(), *RESTARTS.split(), stream)
        spoilt = re.sub(rb"\xff[\xd0-\xd7]", lambda marker: b"\x12\x34" + marker[0], stream.read_bytes())
        stream.write_bytes(spoilt)
        if path.suffix == ".mjpeg":
            path.write_bytes(spoilt)
        else:
            ffmpeg("-f", "mjpeg", "-i", stream, "-c", "copy", path)
        stream.unlink()

    return make


def drawn(lossless):
    """An animated WebP whose frames are parts of the picture, half transparent, over and in place of others."""

    def make(path):
        pictures = []
        for number in range(6):
            picture = Image.new("RGBA", (96, 64), (0, 0, 0, 0))
            draw = ImageDraw.Draw(picture)
            draw.rectangle((10 * number, 8, 10 * number + 30, 40), fill=(200, 40 * number, 60, 255 - 40 * number))
            draw.ellipse((40, 5 * number, 80, 5 * number + 30), fill=(10, 200, 40 * number, 120))
            pictures.append(picture)
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, lossless=lossless, quality=90,
                         minimize_size=lossless)

    return make


FRAGMENTED = "-movflags frag_keyframe+empty_moov -g 5"

CLIPS = [
    # Containers and codecs.
    Clip("h264.mp4", encoded(X264), count=25),
    Clip("h264-b.mp4", encoded("-c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p"), count=25),
    Clip("h264.mov", encoded(X264), count=25),
    Clip("h264-faststart.mp4", encoded(X264 + " -movflags +faststart"), count=25),
    Clip("h264-fragments.mp4", encoded(X264 + " " + FRAGMENTED), count=25),
    Clip("h264.mkv", encoded("-c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p"), count=25),
    Clip("h264.ts", encoded("-c:v libx264 -bf 3 -g 12 -pix_fmt yuv420p"), count=25),
    Clip("h264.m2ts", encoded(X264 + " -g 5"), count=25),
    Clip("h264.avi", encoded(X264 + " -bf 0"), count=25),
    Clip("h264.flv", encoded(X264), count=25),
    Clip("h264.3gp", encoded(X264, "176x144"), count=25),
    Clip("h264.h264", encoded(X264 + " -g 5"), count=25),
    Clip("hevc.mp4", encoded("-c:v libx265 -preset ultrafast -x265-params log-level=error -pix_fmt yuv420p -tag:v hvc1"), count=25),
    Clip("hevc.mkv", encoded("-c:v libx265 -preset ultrafast -x265-params log-level=error:bframes=3 -pix_fmt yuv420p"), count=25),
    Clip("hevc.ts", encoded("-c:v libx265 -preset ultrafast -x265-params log-level=error -pix_fmt yuv420p"), count=25),
    Clip("av1.mp4", encoded("-c:v libaom-av1 -cpu-used 8 -usage realtime -pix_fmt yuv420p"), count=25),
    Clip("av1.webm", encoded("-c:v libaom-av1 -cpu-used 8 -usage realtime -pix_fmt yuv420p"), count=25),
    Clip("vp9.webm", encoded("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p"), count=25),
    Clip("vp9.mp4", encoded("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p"), count=25),
    Clip("vp8.webm", encoded("-c:v libvpx -deadline realtime -cpu-used 8 -pix_fmt yuv420p"), count=25),
    Clip("theora.ogv", encoded("-c:v libtheora -pix_fmt yuv420p"), count=25),
    Clip("mpeg4.avi", encoded("-c:v mpeg4 -bf 2"), count=25),
    Clip("mpeg4.mp4", encoded("-c:v mpeg4 -bf 2"), count=25),
    Clip("mpeg2.mpg", encoded("-c:v mpeg2video -bf 2"), count=25),
    Clip("mpeg2.ts", encoded("-c:v mpeg2video -bf 2 -g 12"), count=25),
    Clip("mpeg2.vob", encoded("-c:v mpeg2video -bf 2"), count=25),
    Clip("mpeg1.mpg", encoded("-c:v mpeg1video"), count=25),
    Clip("wmv2.wmv", encoded("-c:v wmv2"), count=25),
    Clip("flv1.flv", encoded("-c:v flv"), count=25),
    Clip("mjpeg.avi", encoded("-c:v mjpeg -q:v 3"), count=25),
    Clip("mjpeg.mov", encoded("-c:v mjpeg -q:v 3"), count=25),
    Clip("mjpeg.mjpeg", encoded("-c:v mjpeg -q:v 3"), count=25, kind="image"),
    Clip("prores.mov", encoded("-c:v prores_ks"), count=25, loose=1, pixels="yuv422p"),
    Clip("ffv1.mkv", encoded("-c:v ffv1 -pix_fmt yuv444p"), count=25),
    Clip("huffyuv.avi", encoded("-c:v huffyuv -pix_fmt yuv422p"), count=25),
    Clip("rgb.mov", encoded("-c:v png -pix_fmt rgb24"), count=25),
    Clip("grey.mkv", encoded("-c:v ffv1 -pix_fmt gray"), count=25),
    Clip("video.y4m", encoded("-pix_fmt yuv420p"), count=25),
    # Samples.
    Clip("ten-bit.mp4", encoded("-c:v libx265 -preset ultrafast -x265-params log-level=error -pix_fmt yuv420p10le -tag:v hvc1"),
         count=25, loose=1, pixels="yuv420p"),
    Clip("hdr.mp4", encoded("-c:v libx265 -preset ultrafast -x265-params log-level=error -pix_fmt yuv420p10le -colorspace bt2020nc "
                            "-color_primaries bt2020 -color_trc smpte2084"), count=25, loose=1, pixels="yuv420p"),
    Clip("4-2-2.mkv", encoded("-c:v libx264 -pix_fmt yuv422p"), count=25),
    Clip("4-4-4.mkv", encoded("-c:v libx264 -pix_fmt yuv444p"), count=25),
    Clip("alpha.webm", encoded("-vf format=yuva420p -c:v libvpx-vp9 -deadline realtime -cpu-used 8"), count=25),
    Clip("alpha-prores.mov", encoded("-vf format=yuva444p10le -c:v prores_ks -profile:v 4444"), count=25, loose=1,
         pixels="yuv444p"),
    Clip("odd.mkv", encoded("-c:v ffv1 -pix_fmt yuv420p", "97x65"), count=25),
    Clip("odd.webm", encoded("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p", "97x65"), count=25),
    Clip("interlaced.ts", encoded("-c:v libx264 -flags +ildct+ilme -x264opts tff=1 -pix_fmt yuv420p"), count=25),
    Clip("interlaced-mpeg2.mpg", encoded("-c:v mpeg2video -flags +ildct+ilme -top 1"), count=25),
    # Turns.
    Clip("turned-90.mp4", edited(encoded(X264), matrix(0, 1, -1, 0)), count=25, turned=6),
    Clip("turned-180.mp4", edited(encoded(X264), matrix(-1, 0, 0, -1)), count=25, turned=3),
    Clip("turned-270.mp4", edited(encoded(X264), matrix(0, -1, 1, 0)), count=25, turned=8),
    Clip("mirrored.mp4", edited(encoded(X264), matrix(-1, 0, 0, 1)), count=25, turned=2),
    Clip("mirrored-down.mp4", edited(encoded(X264), matrix(1, 0, 0, -1)), count=25, turned=4),
    Clip("mirrored-90.mp4", edited(encoded(X264), matrix(0, 1, 1, 0)), count=25, turned=5),
    Clip("mirrored-270.mp4", edited(encoded(X264), matrix(0, -1, -1, 0)), count=25, turned=7),
    Clip("turned-90.mov", edited(encoded(X264), matrix(0, 1, -1, 0)), count=25, turned=6),
    # Times.
    Clip("uneven.mp4", unevenly(X264)),
    Clip("uneven.mkv", unevenly(X264)),
    Clip("uneven.webm", unevenly("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p")),
    Clip("one-frame.mp4", command(test() + " -frames:v 1 " + X264), count=1),
    Clip("one-frame.mkv", command(test() + " -frames:v 1 " + X264), count=1),
    Clip("one-frame.ts", command(test() + " -frames:v 1 " + X264), count=1),
    Clip("slow.mp4", encoded(X264, rate=1, seconds=5), count=5),
    Clip("fast.mp4", encoded(X264, rate=240), count=240),
    Clip("late.mp4", command("-itsoffset 5 " + test() + " -fps_mode passthrough " + X264), count=25),
    Clip("late.mkv", command("-itsoffset 5 " + test() + " -fps_mode passthrough " + X264), count=25),
]

CLIPS += [
    # Which stream: sound first, covers, several pictures.
    Clip("sound-first.mp4", command(f"{SOUND} {test()} -map 0 -map 1 -c:a aac {X264}"), count=25),
    Clip("sound-first.mkv", command(f"{SOUND} {test()} -map 0 -map 1 -c:a aac {X264}"), count=25),
    Clip("cover.mp4", cover("mp4"), count=25),
    Clip("cover.mkv", cover("mkv"), count=25),
    Clip("cover.mp3", cover("mp3"), refusal="holds no picture or video"),
    Clip("cover.m4a", cover("m4a"), refusal="holds no picture or video"),
    Clip("sound.m4a", command(f"{SOUND} -c:a aac"), refusal="holds no picture or video"),
    Clip("two-sizes.ts", sizes),
    # Whole recordings of which a program made one file.
    Clip("joined.ts", joined(encoded(X264 + " -g 5"), encoded(X264 + " -g 5")), count=50),
    Clip("joined.mpg", joined(encoded("-c:v mpeg2video"), encoded("-c:v mpeg2video"))),
    Clip("joined.mjpeg", joined(encoded("-c:v mjpeg"), encoded("-c:v mjpeg")), count=50, kind="image"),
    Clip("joined.mp4", joined(encoded(X264), encoded(X264)), count=25, note="2 recordings are joined"),
    # Cut off.
    Clip("fragment-end.mp4", edited(encoded(f"{X264} {FRAGMENTED}"), fragments(3, 0)), count=15),
    Clip("fragment-cut.mp4", edited(encoded(f"{X264} {FRAGMENTED}"), fragments(3, 40)), least=15, like="fragment-end.mp4",
         note="last fragment is incomplete"),
    Clip("fragment-cut-in-data.mp4", edited(encoded(f"{X264} {FRAGMENTED}"), fragments(3, 700)), least=15,
         note="last fragment is incomplete"),
    Clip("fragments-without-start.mp4", edited(encoded(f"{X264} {FRAGMENTED}"), lambda data: data[box(data, b"moof")[0]:]),
         refusal="without the piece that describes it"),
    Clip("no-index.mp4", edited(encoded(X264), from_box(b"moov")), refusal="not finished: it has no index"),
    Clip("no-index.mov", edited(encoded(X264), cut(0.6)), refusal="not finished: it has no index"),
    Clip("no-index-phone.mp4", edited(encoded(X264), lambda data: data[: box(data, b"mdat")[1] - 8] + b"\0\0\0\0mdat"
                                      + data[box(data, b"mdat")[1] : box(data, b"moov")[0]]),
         refusal="not finished: it has no index"),
    Clip("cut-index.mp4", edited(encoded(X264), lambda data: data[: box(data, b"moov")[0] + 100]),
         refusal="its index .moov. ends early"),
    Clip("cut-faststart.mp4", edited(encoded(X264 + " -g 5 -movflags +faststart"), cut(0.8)), least=15,
         note="of 25 frames are missing or damaged"),
    Clip("cut-faststart-early.mp4", edited(encoded(X264 + " -g 5 -movflags +faststart"), cut(0.3)),
         refusal="too much is lost"),
    Clip("cut.mkv", edited(encoded(X264 + " -g 5"), cut(0.7)), least=14, note="the file ends early"),
    Clip("cut.webm", edited(encoded("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 5 -pix_fmt yuv420p"), cut(0.7)),
         least=14, note="the file ends early"),
    Clip("cut.avi", edited(encoded("-c:v mpeg4 -g 5"), cut(0.7)), least=13, note="the file ends early"),
    Clip("cut-mjpeg.avi", edited(encoded("-c:v mjpeg"), cut(0.7)), least=13, note="the file ends early"),
    Clip("cut.flv", edited(encoded(X264 + " -g 5"), cut(0.7)), least=14, note="left out"),
    Clip("cut.ogv", edited(encoded("-c:v libtheora -g 5"), cut(0.7)), least=8),
    Clip("cut.ts", edited(encoded(X264 + " -g 5"), cut(0.7)), least=14, note="left out"),
    Clip("cut.mpg", edited(encoded("-c:v mpeg2video -g 5"), cut(0.7)), least=14, note="left out"),
    # Damaged.
    Clip("lost-packet.ts", edited(encoded("-c:v libx264 -g 12 -pix_fmt yuv420p", seconds=4), without_packets(0.5)),
         least=95, note="left out"),
    Clip("lost-packets.ts", edited(encoded("-c:v libx264 -g 12 -pix_fmt yuv420p", seconds=4),
                                   without_packets(0.3, 0.5, 0.7)), least=90, note="left out"),
    Clip("lost-packet-mpeg2.ts", edited(encoded("-c:v mpeg2video -g 12", seconds=4), without_packets(0.5)), least=95,
         note="left out"),
    Clip("lost-packet-hevc.ts", edited(encoded("-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=12 "
                                               "-pix_fmt yuv420p", seconds=4), without_packets(0.5)), least=80,
         note="left out"),
    Clip("lost-most.ts", edited(encoded(X264 + " -g 1"), without_packets(*(n / 60 for n in range(60)))),
         refusal="too much is lost|no frame"),
    Clip("flipped.mp4", edited(encoded(X264 + " -g 5", seconds=2), flipped(0.4, 0.5, 97)), note="", least=0),
    Clip("flipped.mkv", edited(encoded(X264 + " -g 5", seconds=2), flipped(0.4, 0.5, 97)), note="", least=0),
    Clip("flipped.avi", edited(encoded("-c:v mpeg4 -g 5", seconds=2), flipped(0.4, 0.5, 97)), note="left out", least=30),
    Clip("stray-bytes.mjpeg", edited(encoded("-c:v mjpeg -q:v 3"), jpeg_bytes(b"\0\x12\x34", b"\xdb")), kind="image",
         like="mjpeg.mjpeg", note="bytes that mean nothing"),
    # Animations, which are pictures unless frames are asked for.
    Clip("animation.gif", encoded("", rate=10), count=10, kind="animation"),
    Clip("animation.apng", encoded("-f apng -pix_fmt rgb24", rate=10), count=10, kind="animation"),
    Clip("transparent.apng", encoded("-vf colorkey=blue:0.4 -f apng -pix_fmt rgba", rate=10), count=10, kind="animation"),
    Clip("animation.avif", encoded("-c:v libaom-av1 -cpu-used 8 -usage realtime -pix_fmt yuv420p -f avif", rate=10), count=10,
         kind="animation"),
    Clip("animation.webp", encoded("-c:v libwebp_anim -lossless 1", rate=10), count=10, kind="animation", pillow=True),
    # libwebp and Percept interpolate chroma with different rounding.
    Clip("animation-lossy.webp", encoded("-c:v libwebp_anim -lossless 0 -pix_fmt yuv420p", rate=10), count=10, kind="animation",
         pillow=True, loose=4),
    Clip("transparent.webp", drawn(lossless=True), count=6, kind="animation", pillow=True),
    Clip("transparent-lossy.webp", drawn(lossless=False), count=6, kind="animation", pillow=True, loose=4),
    Clip("one-picture.gif", command(test() + " -frames:v 1"), count=1, kind="image"),
    Clip("one-picture.png", command(test() + " -frames:v 1"), count=1, kind="image"),
    # MJPEG with bytes that mean nothing.
    Clip("restarts.mjpeg", encoded(RESTARTS), count=25, kind="image"),
    Clip("stray-restarts.mjpeg", stray(), like="restarts.mjpeg", note="bytes that mean nothing", kind="image"),
    Clip("stray-restarts.avi", stray(), like="restarts.mjpeg", note="bytes that mean nothing"),
    Clip("stray-restarts.mkv", stray(), like="restarts.mjpeg", note="bytes that mean nothing"),
    # No videos.
    Clip("text.mp4", lambda path: path.write_text("this is no video\n" * 50), refusal="not a media format"),
    Clip("empty.mp4", lambda path: path.write_bytes(b""), refusal="empty|not a media format"),
]

#: Bytes of a pixel in planes of ffmpeg's formats, as horizontal and vertical parts of a side.
LAYOUTS = {
    "yuv420p": ("yuv420p", [(1, 1), (2, 2), (2, 2)]),
    "yuv422p": ("yuv422p", [(1, 1), (2, 1), (2, 1)]),
    "yuv444p": ("yuv444p", [(1, 1), (1, 1), (1, 1)]),
    "gray8": ("gray", [(1, 1)]),
    "rgb8": ("rgb24", [(1, 1)]),
    "rgba8": ("rgba", [(1, 1)]),
}


def planes(samples, layout, width, height):
    """The planes of a frame in packed samples."""
    found, place = [], 0
    for across, down in LAYOUTS[layout][1]:
        columns, rows = -(-width // across), -(-height // down)
        depth = {"rgb8": 3, "rgba8": 4}.get(layout, 1)
        size = columns * rows * depth
        found.append(np.frombuffer(samples[place : place + size], np.uint8).reshape(rows, columns, depth))
        place += size
    return found


def upright(plane, orientation):
    """A plane turned by an orientation as Exif has it (tag 274): where row 0 and column 0 are to be seen."""
    return {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: p[::-1].transpose(1, 0, 2),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: p[:, ::-1].transpose(1, 0, 2),
    }[orientation](plane)


def theirs(path, clip, layout, frames):
    """The frames of a clip by the other program, upright, as packed samples."""
    if clip.pillow:
        with Image.open(path) as picture:
            return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(picture)]
    pixels = clip.pixels or LAYOUTS[layout][0]
    # Without this name ffmpeg would make the range of what JPEG has smaller.
    if frames[0]["full"] and pixels.startswith("yuv"):
        pixels = pixels.replace("yuv", "yuvj")
    samples = run("ffmpeg", "-hide_banner", "-v", "quiet", "-nostdin", "-threads", "1", "-i", path, "-map", clip.map,
                  "-fps_mode", "passthrough", "-autoscale", "0", "-pix_fmt", pixels, "-sws_flags",
                  "bicubic+accurate_rnd+full_chroma_inp+bitexact", "-f", "rawvideo", "-")
    if len({(frame["width"], frame["height"]) for frame in frames}) > 1:
        listed = run("ffprobe", "-v", "quiet", "-threads", "1", "-select_streams", "v", "-show_entries", "frame=width,height",
                     "-of", "csv=p=0", path).decode().split()
        counts = [int(np.prod([int(n) for n in line.strip(",").split(",")[:2]])) * 3 // 2 for line in listed]
    else:
        counts = [frames[0]["bytes"]] * (len(samples) // frames[0]["bytes"])
    found, place = [], 0
    for count in counts:
        found.append(samples[place : place + count])
        place += count
    if place != len(samples):
        raise RuntimeError("ffmpeg's frames have another size")
    return found


def counted(path, clip):
    """Frames by ffprobe's count."""
    stream = clip.map.removeprefix("0:")
    out = run("ffprobe", "-v", "quiet", "-count_frames", "-select_streams", stream, "-show_entries", "stream=nb_read_frames", "-of",
              "csv=p=0", path)
    return int(out.split()[0].strip(b","))


def difference(one, other):
    if len(one) != len(other):
        return 256
    return int(np.abs(np.frombuffer(one, np.uint8).astype(np.int16) - np.frombuffer(other, np.uint8)).max())


def compare(clip, path, found, folder):
    """What is wrong with what Percept read; nothing if all is right."""
    try:
        return fault(clip, path, found, folder)
    except RuntimeError as error:
        return str(error)


def fault(clip, path, found, folder):
    if clip.refusal is not None:
        if "error" not in found:
            return f"not refused: {len(found['frames'])} frames, {found['notes']}"
        return None if re.search(clip.refusal, found["error"]) else f"refused otherwise: {found['error']}"
    if "error" in found:
        return f"refused: {found['error']}"
    frames, notes = found["frames"], found["notes"]
    if clip.note is None and notes:
        return f"notes: {notes}"
    if clip.note and not any(re.search(clip.note, note) for note in notes):
        return f"no such note, but {notes}"
    if found["kind"] != clip.kind:
        return f"taken for: {found['kind']}"
    if not found["sameInAnyOrder"]:
        return "frames differ when they are read in another order"
    if clip.turned is not None and {frame["orientation"] for frame in frames} != {clip.turned}:
        return f"orientation {frames[0]['orientation']} instead of {clip.turned}"
    if clip.count is not None and len(frames) != clip.count:
        return f"{len(frames)} frames instead of {clip.count}"
    if clip.least is not None and len(frames) < clip.least:
        return f"{len(frames)} frames, at least {clip.least} are whole; {notes}"
    samples = (folder / (path.name + ".raw")).read_bytes()
    ours, place = [], 0
    for frame in frames:
        parts = planes(samples[place : place + frame["bytes"]], frame["layout"], frame["width"], frame["height"])
        ours.append(b"".join(np.ascontiguousarray(upright(p, frame["orientation"])).tobytes() for p in parts))
        place += frame["bytes"]
    reference = theirs(path.with_name(clip.like or path.name), clip, frames[0]["layout"], frames)
    if clip.least is None and clip.note is None:
        count = len(reference) if clip.pillow else counted(path, clip)
        if len(ours) != len(reference) or len(ours) != count:
            return f"{len(ours)} frames, ffmpeg has {len(reference)}, ffprobe counts {count}"
        for number, (one, other) in enumerate(zip(ours, reference)):
            if difference(one, other) > clip.loose:
                return f"frame {number} differs by {difference(one, other)}"
        return None
    # Every frame is one of ffmpeg's, none before the one before it.
    number = 0
    for index, one in enumerate(ours):
        while number < len(reference) and reference[number] != one:
            number += 1
        if number == len(reference):
            return f"frame {index} is none of ffmpeg's {len(reference)}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--keep", type=pathlib.Path, help="where the clips are left")
    parser.add_argument("--make", action="store_true", help="make the clips anew there")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    clips = [clip for clip in CLIPS if not arguments.names or clip.name in arguments.names]
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or pathlib.Path(temporary)
        samples = folder / "samples"
        samples.mkdir(parents=True, exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            if not arguments.keep or arguments.make:
                list(pool.map(lambda clip: clip.make(folder / clip.name), clips))
            said = run(arguments.binaries / "corpus-probe", "videos", samples, *(folder / clip.name for clip in clips))
            found = [json.loads(line) for line in said.splitlines()]
            faults = list(pool.map(lambda clip, read: compare(clip, folder / clip.name, read, samples), clips, found))
    for clip, fault in zip(clips, faults):
        if fault:
            print(f"{clip.name}: {fault}")
    failed = sum(fault is not None for fault in faults)
    print(f"{len(faults) - failed} passed, {failed} failed")
    sys.exit(1 if failed or len(found) != len(clips) else 0)


if __name__ == "__main__":
    main()
