"""Scores the demo captioner on fresh scenes and clips, in PyTorch and through the percept command.

    python evaluate_captioner.py ../../Sources/CPerceptData/captioner                     right answers, in PyTorch
    python evaluate_captioner.py ../../Sources/CPerceptData/captioner --percept BINARY    and by the command on files
    python evaluate_captioner.py ../../Sources/CPerceptData/captioner --fixtures ../../Tests/Fixtures/demo/captioner

An answer is right when it is the expected text to the letter. "Blank" is the same model, given grey pictures. Files are
PNG, and lossless FFV1 for clips; what is expected of the fixtures is computed from the files as ffmpeg decodes them.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import captioner
import captions
import export_captioner
from train_captioner import answered, by_type

TEST_SEED = 7101  # used for nothing but the reported scores
NUMBERS = {"one": 80, "one held out": 40, "two": 60, "clip": 80, "clip held out": 40}
FRAME_RATE = 4
ANSWERS = "answers.json"
# Items of the fixtures, drawn with little noise, which lossless files have to keep.
FIXTURES = {"one": 7, "one held out": 5, "two": 8, "clip": 6, "clip held out": 4}
FIXTURE_SEED, FIXTURE_NOISE, LARGE_EACH = 7102, 2.0, 4
MOST_ASKED = 4  # questions of a fixture


def file_name(item, index: int):
    return f"{item.kind.replace(' ', '-')}-{index:02}.{'mkv' if isinstance(item.meaning, captions.Clip) else 'png'}"


def write(item, path: Path):
    if path.suffix == ".png":
        Image.fromarray(item.pictures[0]).save(path, optimize=True)
        return
    frames, height, width, _ = item.pictures.shape
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
         "-r", str(FRAME_RATE), "-i", "-", "-c:v", "ffv1", "-level", "3", "-coder", "1", "-context", "1", "-g", "8",
         "-slices", "4", "-pix_fmt", "bgr0", "-bitexact", str(path)], input=item.pictures.tobytes(), check=True)


def read(path: Path):
    """Uint8 pictures [F, H, W, 3] of a file."""
    if path.suffix == ".png":
        return np.asarray(Image.open(path).convert("RGB"))[None]
    probe = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=width,height",
                            "-of", "csv=p=0", str(path)], check=True, stdout=subprocess.PIPE, text=True).stdout
    width, height = map(int, probe.strip().split(","))
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                         check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def percept_answers(binary: Path, asked, options):
    """Answers of one process to questions about files, each as if nothing had been said before: pairs (path, question)."""
    lines = [line for path, question in asked for line in ("/reset", f"/image {path}", question)]
    command = [str(binary), "chat", "--model", "demo", "--json", *options]
    run = subprocess.run(command, check=True, input="\n".join(lines) + "\n", stdout=subprocess.PIPE, text=True)
    answers = [json.loads(line)["text"].strip() for line in run.stdout.splitlines()]
    assert len(answers) == len(asked), f"{len(answers)} answers to {len(asked)} questions"
    return answers


def percept_right(binary: Path, items, options):
    """For every item whether the command answers its questions right, from files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / file_name(item, index) for index, item in enumerate(items)]
        for item, path in zip(items, paths):
            write(item, path)
        asked = [(path, q.text) for item, path in zip(items, paths) for q in item.questions]
        answers = iter(percept_answers(binary, asked, options))
    return [[next(answers) == q.answer for q in item.questions] for item in items]


def print_table(scores):
    names = list(scores)
    counts = scores[names[0]]
    print(f"{'':14} {'question':22} {'number':>6} " + " ".join(f"{n:>9}" for n in names))
    for kind in captions.KINDS:
        types = sorted((t for k, t in counts if k == kind and t != "all"))
        for type in [*types, "all"]:
            number = counts[kind, type][1]
            cells = " ".join(f"{100 * scores[n][kind, type][0] / number:7.1f} %" for n in names)
            print(f"{kind:14} {type:22} {number:6} {cells}")
    total = sum(n for (_, t), (_, n) in counts.items() if t == "all")
    print(f"{'all':14} {'':22} {total:6} " + " ".join(
        f"{100 * sum(r for (_, t), (r, _) in scores[n].items() if t == 'all') / total:7.1f} %" for n in names))


def write_fixtures(model, prompt, folder: Path):
    """Files, some of the pictures large, with questions, the expected and PyTorch's answers, and the narrowest lead."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for kind, number in FIXTURES.items():
        for index in range(number):
            large = not kind.startswith("clip") and index % LARGE_EACH == LARGE_EACH - 1
            # A large picture's noise would cost 100 KiB and the encoder's squash averages it out.
            item = captions.item(kind, FIXTURE_SEED, index, large, 0 if large else FIXTURE_NOISE)
            path = folder / file_name(item, index)
            write(item, path)
            pixels = captioner.pixels(read(path))
            asked = []
            for q in spread(item.questions, index):
                text = model.answer(prompt, pixels, q.text)
                asked.append({"question": q.text, "expected": q.answer, "answer": text,
                              "lead": round(lead(model, prompt, pixels, q.text, text), 3)})
            entries.append({"file": path.name, "frames": len(pixels), "kind": kind, "asked": asked})
    (folder / ANSWERS).write_text("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n")
    right = [a["answer"] == a["expected"] for e in entries for a in e["asked"]]
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{len(entries)} fixtures, {sum(right)} of {len(right)} answers right, smallest lead "
          f"{min(a['lead'] for e in entries for a in e['asked'])}, {size / 2**10:.0f} KiB")


def spread(questions, index: int):
    """The caption and some others, from item to item not the same."""
    others = [q for q in questions if q.type != "caption"]
    turn = 3 * index % len(others)
    return ([q for q in questions if q.type == "caption"] + others[turn:] + others[:turn])[:MOST_ASKED]


@torch.no_grad()
def lead(model, prompt, pixels, question, answer):
    """The smallest lead in logits of a token of a greedy answer over the next best."""
    batch = captioner.pack(prompt, pixels, len(pixels), [[(question, answer)]])
    best = model(prompt.before, batch)[0].topk(2, dim=1).values
    return (best[:, 0] - best[:, 1]).min().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path, help="folder of the exported model")
    parser.add_argument("--times", type=int, default=1, help="times 300 items")
    parser.add_argument("--seed", type=int, default=TEST_SEED)
    parser.add_argument("--large", action="store_true", help="draw with 320 instead of 80 pixels")
    parser.add_argument("--fixtures", type=Path, metavar="FOLDER")
    parser.add_argument("--percept", type=Path, metavar="BINARY")
    parser.add_argument("--option", action="append", default=[], help="passed to percept: --option=--precision=f32")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model, prompt = export_captioner.load(arguments.model)
    if arguments.fixtures:
        write_fixtures(model, prompt, arguments.fixtures)
        return
    items = [captions.item(kind, arguments.seed, i, arguments.large)
             for kind, n in NUMBERS.items() for i in range(n * arguments.times)]
    right = {"trained": answered(model, prompt, items), "blank": answered(model, prompt, items, blank=True)}
    if arguments.percept:
        right["percept"] = percept_right(arguments.percept, items, arguments.option)
    print_table({name: by_type(items, rows) for name, rows in right.items()})
    if arguments.percept:
        pairs = [(a, b) for x, y in zip(right["trained"], right["percept"]) for a, b in zip(x, y)]
        print(f"percept is right or wrong where PyTorch is in {sum(a == b for a, b in pairs)} of {len(pairs)} answers")


if __name__ == "__main__":
    main()
