"""Makes the committed sample files.

    python samples.py ../../Sources/CPerceptData/demo --fixtures ../../Tests/Fixtures/demo --files ../demo-files

Fixtures: 50 of the test scenes with PyTorch's probabilities. Files: pictures of 320 pixels and a short video to try the
command on, and captions to choose from.
"""

import argparse
import dataclasses
import json
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

import evaluate
import export
import scenes
from scenes import OneKind, TwoKind

FIXTURES = {"one": 20, "held-out": 20, "two": 10}
SEED = 11
PICTURES = ["two green hearts on the left", "five yellow stars at the top", "an orange circle in the centre",
            "three white crosses at the bottom", "a blue star left of a green square",
            "an orange ring above a purple diamond"]
SLIDING = "a purple circle"
OTHERS = ["two green squares on the left", "four yellow stars at the top", "an orange ring in the centre",
          "three white crosses at the top", "a green star left of a blue square", "a blue star right of a green square",
          "a purple ring above an orange diamond", "a purple square", "a yellow circle", "two purple circles"]
FRAMES, FRAME_RATE = 48, 16


def all_meanings():
    """Every trainable meaning by its caption."""
    kinds = [range(n) for n in scenes.CHOICES]
    one = (OneKind(*indices) for indices in np.ndindex(*map(len, kinds)))
    pairs = [(c, s) for c in kinds[0] for s in kinds[1]]
    two = (TwoKind(axis, a, b) for axis in (0, 1) for a in pairs for b in pairs if a[0] != b[0] and a[1] != b[1])
    return {m.text() if isinstance(m, OneKind) else m.text(False): m for m in (*one, *two) if scenes.trainable(m)}


def write_pictures(folder: Path):
    meanings = all_meanings()
    for index, caption in enumerate(PICTURES):
        picture = scenes.draw(np.random.default_rng([SEED, index]), meanings[caption], large=True, noise=0)
        Image.fromarray(picture).save(folder / f"{caption.replace(' ', '-')}.png", optimize=True)
    (folder / "labels.txt").write_text("".join(f"{c}\n" for c in sorted([*PICTURES, SLIDING, *OTHERS])))


def write_video(folder: Path):
    """A purple circle slides from left to right, along the middle row."""
    rng = np.random.default_rng([SEED, len(PICTURES)])
    ground = scenes.background(rng)
    circle = scenes.objects(rng, all_meanings()[f"{SLIDING} in the centre"])[0]
    side = scenes.SIZE * scenes.LARGE
    frames = []
    for x in np.linspace(0.12 * side, 0.88 * side, FRAMES):
        frame = ground.copy()
        scenes.paint_large(frame, [dataclasses.replace(circle, x=int(x))])
        frames.append(np.round(frame).astype(np.uint8).tobytes())
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{side}x{side}",
         "-r", str(FRAME_RATE), "-i", "-", "-c:v", "libx264", "-crf", "24", "-pix_fmt", "yuv420p",
         "-movflags", "+faststart", str(folder / f"{SLIDING.replace(' ', '-')}-sliding.mp4")],
        input=b"".join(frames), check=True)


def write_fixtures(model, folder: Path):
    examples = [scenes.example(kind, evaluate.TEST_SEED, i) for kind, n in FIXTURES.items() for i in range(n)]
    evaluate.write(examples, folder)
    path = folder / evaluate.CAPTIONS
    entries = json.loads(path.read_text())
    for entry, row in zip(entries, evaluate.logits(model, examples).softmax(dim=1)):
        entry["choice"] = int(row.argmax())
        entry["probabilities"] = [float(f"{p:.6g}") for p in row.tolist()]
    path.write_text("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path, help="folder of the exported model")
    parser.add_argument("--fixtures", type=Path, required=True)
    parser.add_argument("--files", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.files.mkdir(parents=True, exist_ok=True)
    write_fixtures(export.load(arguments.model), arguments.fixtures)
    write_pictures(arguments.files)
    write_video(arguments.files)


if __name__ == "__main__":
    main()
