"""Makes pictures of the kinds that people have, and compares what Percept reads from each, and from every picture of the
test tree, with what Pillow reads.

    python Tools/corpus/pictures.py --binaries DIR [--keep DIR]

DIR holds corpus-probe. Pictures are made anew in each run, by the scripts in Tools/corpus/pictures/. A picture must come
out upright and within the bound of its kind, or be refused for the reason that is listed with it: a refusal that is not
listed is a failure, and so is a picture that is read although a refusal is listed.

Then pictures of less than a megabyte that would take gigabytes or minutes are decoded, each by a process of its own, whose
memory and time are measured: reading or refusing one may take 512 MiB and 5 s.
"""

import argparse
import collections
import io
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parent / "making"))
import gif_webp, heif, hostile, jpeg, others, png, tiff  # noqa: E402, E401

TREE = Path(__file__).resolve().parents[2]

# Mean of all differences, the difference that at most one channel in a thousand may exceed, and why.
BOUNDS = {
    "equal": (0, 0, "nothing is lost, so that there is only one right answer"),
    "jpeg": (0.5, 3, "FFmpeg and libjpeg round the inverse transform differently, by a level or two"),
    "webp": (1.5, 16, "libwebp interpolates chroma with its own weights, Percept with libjpeg's"),
    "video": (1.2, 12, "libavif and Percept interpolate chroma differently, and round the matrix differently"),
    "source": (1.5, 30, "the picture is compared with what it was before coding, which halved its chroma"),
    "deep": (1.0, 2, "Pillow and Percept bring more than 8 bits down to 8 differently"),
}

# Pictures of the test tree that Percept refuses, or reads otherwise than Pillow, with the reason.
REFUSED_IN_TREE = {
    "Tests/Fixtures/media/formats/sound.wav": "holds no picture or video",
}


def reference(data):
    """The upright picture that Pillow reads, as RGB; alpha is dropped, and of 16 bits the upper 8 are kept."""
    image = Image.open(io.BytesIO(data))
    image.load()
    try:
        image = ImageOps.exif_transpose(image)
    except Exception:  # Remarks that Pillow cannot read, which decide nothing.
        pass
    return rgb(image)


def rgb(image):
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("RGBa", "La"):
        image = image.convert({"RGBa": "RGBA", "La": "LA"}[image.mode])
    return np.asarray(image.convert("RGB"))


class Corpus:
    """Files with what is expected of them."""

    def __init__(self, folder):
        self.folder = folder
        self.entries = collections.OrderedDict()

    def add(self, name, data, bound="equal", like=None, refused=None, note=None):
        """Adds a file.

        like: the picture it must be (bytes of a file, an image or an array) where Pillow does not read it as it is meant.
        refused: a part of what Percept says instead of reading it.
        note: a part of what Percept notes about it; without, it must note nothing.
        """
        assert name not in self.entries, name
        path = self.folder / name
        path.write_bytes(data)
        self.entries[path] = (name, bound, like, refused, note)

    def add_tree(self):
        suffixes = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ppm", ".wav"}
        for folder in ("Tests", "Sources"):
            for path in sorted((TREE / folder).rglob("*")):
                if path.suffix not in suffixes:
                    continue
                name = str(path.relative_to(TREE))
                bound = {".jpg": "jpeg", ".webp": "webp", ".avif": "video"}.get(path.suffix, "equal")
                note = "first frame" if path.stem == "animated" or path.stem == "smaller-frame" else None
                self.entries[path] = (name, bound, None, REFUSED_IN_TREE.get(name), note)


class Probe:
    def __init__(self, program):
        self.process = subprocess.Popen([program, "pictures"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, path):
        """Pixels and notes, or None and what is said."""
        self.process.stdin.write(f"{path}\n".encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline().decode()
        if not line:
            raise SystemExit(f"corpus-probe ended at {path} with {self.process.wait()}")
        kind, _, rest = line.rstrip("\n").partition(" ")
        if kind == "fault":
            return None, rest
        size, *notes = rest.split("\t")
        width, height = map(int, size.split())
        pixels = np.frombuffer(self.process.stdout.read(3 * width * height), np.uint8)
        return pixels.reshape(height, width, 3), notes


MOST_SECONDS, MOST_MIB = 5, 512


def measured(program, path):
    """What is said of a file, the processor's seconds and the memory in MiB that it took."""
    with tempfile.TemporaryFile() as output:
        actions = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1)]
        child = os.posix_spawn(program, [str(program), "pictures", "decode", str(path)], os.environ, file_actions=actions)
        deadline = time.monotonic() + 20 * MOST_SECONDS
        while True:
            ended, status, usage = os.wait4(child, os.WNOHANG)
            if ended:
                break
            if time.monotonic() > deadline:
                os.kill(child, 9)
                deadline = float("inf")
            time.sleep(0.01)
        output.seek(0)
        said, _, peak = output.read().decode().partition("\n")
    memory = int(peak.split()[1]) / 1024 if peak.strip() else float("inf")
    return f"{said} (status {status})" if status else said, usage.ru_utime + usage.ru_stime, memory


def measure(program, folder):
    """Decodes what is hostile; how much there is of it, and what takes too much."""
    count, failed, worst = 0, 0, (0, 0)
    for name, data in hostile.make():
        count += 1
        path = folder / name
        path.write_bytes(data)
        said, seconds, memory = measured(program, path)
        path.unlink()
        worst = max(worst[0], seconds), max(worst[1], memory)
        if seconds > MOST_SECONDS or memory > MOST_MIB or "status" in said or len(data) >= 1 << 20:
            failed += 1
            print(f"hostile {name} ({len(data)} bytes): {seconds:.2f} s, {memory:.0f} MiB, {said}")
    print(f"hostile: {count} files, at worst {worst[0]:.1f} s and {worst[1]:.0f} MiB")
    return count, failed


def fault(entry, data, result, said):
    """What is wrong with what Percept made of a file; None if nothing is."""
    name, bound, like, refused, note = entry
    if refused is not None:
        if result is not None:
            return f"is read, though a refusal is listed ({refused})"
        return None if refused in said else f"is refused for another reason: {said}"
    if result is None:
        return f"is refused: {said}"
    if like is None:
        expected = reference(data)
    elif isinstance(like, bytes):
        expected = reference(like)
    else:
        expected = like if isinstance(like, np.ndarray) else rgb(like)
    if result.shape != expected.shape:
        return f"has {result.shape[1]} x {result.shape[0]} pixels instead of {expected.shape[1]} x {expected.shape[0]}"
    differences = np.abs(result.astype(int) - expected)
    mean, limit, _ = BOUNDS[bound]
    far = np.count_nonzero(differences > limit)
    if differences.mean() > mean or far * 1000 > differences.size:
        return f"is another picture: mean {differences.mean():.2f}, {far} of {differences.size} channels off by more than {limit}, most {differences.max()}"
    if note is None and said:
        return f"has a note that is not listed: {said}"
    if note is not None and not any(note in text for text in said):
        return f"lacks its note ({note}): {said}"
    return None


def main():
    # Pillow has opinions about palettes with transparency.
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True, type=Path)
    parser.add_argument("--keep", type=Path, help="make the pictures there and leave them")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        corpus = Corpus(folder)
        for kind in (png, jpeg, gif_webp, tiff, heif, others):
            kind.make(corpus.add)
        made = len(corpus.entries)
        corpus.add_tree()
        probe = Probe(arguments.binaries / "corpus-probe")
        failed = 0
        for path, entry in corpus.entries.items():
            result, said = probe.read(path)
            try:
                problem = fault(entry, path.read_bytes(), result, said)
            except Exception as error:
                problem = f"cannot be compared: Pillow says {type(error).__name__}: {error}"
            if problem:
                failed += 1
                print(f"{entry[0]}: {problem}")
        refused = sum(entry[3] is not None for entry in corpus.entries.values())
        print(f"pictures: {made} made, {len(corpus.entries) - made} of the test tree; {refused} are refused by name")
        total = len(corpus.entries)
        count, hostile_failed = measure(arguments.binaries / "corpus-probe", folder)
        failed += hostile_failed
        print(f"{total + count - failed} passed, {failed} failed")
        sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
