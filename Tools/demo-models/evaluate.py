"""Scores the demo model on fresh scenes, in PyTorch and through the percept command.

    python evaluate.py ../../Sources/CPerceptData/demo                           top-1 and errors, in PyTorch
    python evaluate.py ../../Sources/CPerceptData/demo --write scenes            and writes the scenes as files
    python evaluate.py ../../Sources/CPerceptData/demo --percept PATH_TO_BINARY  and scores the command on the same files

A scene is right when its one true caption scores highest of 32.
"""

import argparse
import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import torch
from PIL import Image

import export
import inputs
import scenes
from model import PECore, TextConfig, VisionConfig, initialise

TEST_SEED = 7001  # used for nothing but the reported scores
CAPTIONS = "captions.json"


def untrained(seed: int):
    model = PECore(VisionConfig(), TextConfig(vocab_size=len(inputs.CUT)))
    initialise(model, seed)
    return model.eval()


@torch.no_grad()
def logits(model, examples):
    """Scores [examples, captions] of each example's own captions."""
    cut = model.text_config.vocab_size == len(inputs.CUT)
    unique = sorted({c for e in examples for c in e.captions})
    text = dict(zip(unique, model.encode_text(inputs.tokens(unique, cut))))
    image = model.encode_image(inputs.pixels([e.picture for e in examples]))
    own = torch.stack([torch.stack([text[c] for c in e.captions]) for e in examples])
    return model.logit_scale.exp() * torch.einsum("nce,ne->nc", own, image)


def report(name, examples, choices):
    """Prints the share of right choices, and in which attributes the wrong ones differ from the truth."""
    wrong = [(e, c) for e, c in zip(examples, choices) if c != e.answer]
    errors = Counter(d for e, c in wrong for d in scenes.differing(e.meanings[c], e.meanings[e.answer]))
    score = 100 * (1 - len(wrong) / len(examples))
    print(f"{name:24} {score:5.1f} %   " + ", ".join(f"{k} {n}" for k, n in errors.most_common()), flush=True)


def write(examples, folder: Path):
    """One PNG an example, and what is asked of it in `captions.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for i, e in enumerate(examples):
        name = f"{e.kind}-{i:03}.png"
        Image.fromarray(e.picture).save(folder / name, optimize=True)
        entries.append({"file": name, "kind": e.kind, "captions": e.captions, "answer": e.answer})
    (folder / CAPTIONS).write_text(json.dumps(entries, indent=1) + "\n")


def percept_choices(binary: Path, folder: Path, options):
    """The caption that the command prefers among the 32 of each file of a written set.

    One run scores all files against the captions of all of them; within a file's own 32 the order is the same.
    """
    entries = json.loads((folder / CAPTIONS).read_text())
    labels = folder / "labels.txt"
    labels.write_text("".join(f"{c}\n" for c in sorted({c for e in entries for c in e["captions"]})))
    files = [str(folder / e["file"]) for e in entries]
    command = [str(binary), "classify", "--model", "demo", "--labels-file", str(labels), "--json", *options, *files]
    items = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["items"]
    choices = []
    for entry, file, item in zip(entries, files, items, strict=True):
        if item["source"] != file:
            raise SystemExit(f"{file}: the command answers for {item['source']}")
        probability = {label["label"]: label["probability"] for label in item["labels"]}
        choices.append(max(range(len(entry["captions"])), key=lambda i: probability[entry["captions"][i]]))
    return choices


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path, help="folder of the exported model")
    parser.add_argument("--number", type=int, default=500, help="scenes a kind")
    parser.add_argument("--seed", type=int, default=TEST_SEED)
    parser.add_argument("--large", action="store_true", help="draw the scenes with 320 instead of 80 pixels")
    parser.add_argument("--write", type=Path, metavar="FOLDER")
    parser.add_argument("--percept", type=Path, metavar="BINARY")
    parser.add_argument("--option", action="append", default=[], help="passed to percept: --option=--precision=f32")
    arguments = parser.parse_args()
    models = {"trained": export.load(arguments.model), "untrained": untrained(seed=1)}
    for kind in scenes.KINDS:
        examples = scenes.examples(kind, arguments.number, arguments.seed, arguments.large)
        choices = {name: logits(model, examples).argmax(dim=1).tolist() for name, model in models.items()}
        if arguments.write or arguments.percept:
            with tempfile.TemporaryDirectory() as temporary:
                folder = (arguments.write or Path(temporary)) / kind
                write(examples, folder)
                if arguments.percept:
                    choices["percept"] = percept_choices(arguments.percept, folder, arguments.option)
        for name, chosen in choices.items():
            report(f"{kind}, {name}", examples, chosen)
        if arguments.percept:
            same = sum(a == b for a, b in zip(choices["trained"], choices["percept"]))
            print(f"{'':24} percept chooses as PyTorch in {same} of {len(examples)}")


if __name__ == "__main__":
    main()
