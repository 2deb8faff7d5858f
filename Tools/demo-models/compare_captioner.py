"""How many answers of the demo captioner change with how percept stores its weights.

    python compare_captioner.py ../../Sources/CPerceptData/captioner ../../.build/release/percept

300 scenes and clips as files, one question each, another type of it from item to item. Answers in f32 have to be PyTorch's to
the letter; of the others those are counted that are not, and how many of all are right. Exits 1 beyond a bound.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch

import captioner
import captions
import export_captioner
from evaluate_captioner import NUMBERS, TEST_SEED, file_name, percept_answers, write

# Options of percept, and how many of 300 answers may change.
STORED = {
    "f32": (["--precision", "f32", "--weights", "full"], 0),
    "f16": (["--precision", "f16", "--weights", "full"], 0),
    "q8": (["--precision", "f16", "--weights", "q8"], 1),
    "q4": (["--precision", "f16", "--weights", "q4"], 6),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path, help="folder of the exported model")
    parser.add_argument("percept", type=Path, metavar="BINARY")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model, prompt = export_captioner.load(arguments.model)
    items = [captions.item(kind, TEST_SEED, i) for kind, number in NUMBERS.items() for i in range(number)]
    asked = [item.questions[index % len(item.questions)] for index, item in enumerate(items)]
    expected = [
        model.answer(prompt, captioner.pixels(item.pictures), q.text) for item, q in zip(items, asked)]
    right = sum(text == q.answer for text, q in zip(expected, asked))
    print(f"PyTorch, fp32: {right} of {len(items)} right", flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / file_name(item, index) for index, item in enumerate(items)]
        for item, path in zip(items, paths):
            write(item, path)
        for name, (options, bound) in STORED.items():
            questions = [(path, q.text) for path, q in zip(paths, asked)]
            answers = percept_answers(arguments.percept, questions, options)
            changed = [i for i, (a, b) in enumerate(zip(answers, expected)) if a != b]
            right = sum(a == q.answer for a, q in zip(answers, asked))
            failed |= len(changed) > bound
            print(f"percept, {name}: {len(changed)} of {len(items)} changed, {right} right"
                  f"{'' if len(changed) <= bound else f'  FAIL: at most {bound}'}", flush=True)
            for i in changed:
                print(f"    {asked[i].text!r}: {expected[i]!r}, now {answers[i]!r}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
