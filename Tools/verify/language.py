"""Compares greedy answers of Percept with PyTorch's logits (float32) over the same prompt and answer."""

import itertools
import json
import math
import subprocess
import tempfile
from pathlib import Path

from language_models import LanguageModel, known_name
from photos import PHOTOGRAPHS, default_pictures, pictures_in
from random_language import assert_every_part_matters
from towers import BadCheckpoint

QUESTIONS = (
    "What is in this picture?", "Describe the colours and the light of this scene.", "How many objects can you count?",
    "Is there an animal or a person here, and what are they doing?")
ANSWER = 24
# Relative L2 by which logits may be off, and with it how far behind the largest a token's logit may be that is chosen all the
# same: each of the two is off by ERROR times the row's root mean square, and DEVIATIONS standard deviations of the difference
# are not passed by 1 of 10,000 normal numbers. Never more than LARGEST_TIE of the row's spread.
ERRORS = {"f32": 1e-5, "f16": 3e-3, "bf16": 2e-2}
DEVIATIONS, LARGEST_TIE = 4, 1e-2
# GiB of device memory with the reference's full cache of 11,264 positions and 16-bit weights; without a bound what is planned
# counts alone.
MEMORY = {"PLM-1B": 4, "PLM-3B": 9}


def percept_answer(percept, folder, options, file, question):
    command = [
        percept, "ask", "--model", folder, "--precision", options.precision, "--weights", "full", "--tiles", "1",
        "--max-tokens", str(ANSWER), "--json"]
    command += ["--device", options.device] if options.device else []
    return json.loads(subprocess.run([*command, file, question], check=True, stdout=subprocess.PIPE).stdout)


def percept_answers(percept, model, options, pictures, questions):
    """Percept's greedy tokens, one answer a picture, to prompts as long as ours; and what it says of its memory."""
    answers, memory = [], []
    with tempfile.TemporaryDirectory() as folder:
        for (name, picture), question in zip(pictures.items(), questions):
            file = Path(folder) / f"{name}.png"
            picture.save(file)
            answer = percept_answer(percept, model.folder, options, file, question)
            expected = len(model.prompt(question))
            if answer["prompt_tokens"] != expected:
                raise BadCheckpoint(f"{name}: Percept's prompt has {answer['prompt_tokens']} tokens, not {expected}")
            answers.append(answer["tokens"])
            memory.append(answer["memory"])
    return answers, memory


def gaps(rows, tokens, stops, precision):
    """How far each token's logit is below its row's largest, and how far it may be, as shares of the row's spread. An answer
    that ended by itself counts its stop token, which Percept does not name."""
    tokens = list(tokens)
    if len(tokens) < ANSWER:
        tokens.append(max(stops, key=lambda stop: rows[-1, stop]))
    rows = rows[: len(tokens)].double()
    chosen = rows[range(len(tokens)), tokens]
    largest, smallest = rows.max(1).values, rows.min(1).values
    spread = largest - smallest
    allowed = DEVIATIONS * math.sqrt(2) * ERRORS[precision] * rows.square().mean(1).sqrt() / spread
    return list(zip(((largest - chosen) / spread).tolist(), allowed.clamp(max=LARGEST_TIE).tolist()))


def print_row(name, shares):
    same = sum(gap == 0 for gap, _ in shares)
    ties = sum(0 < gap <= allowed for gap, allowed in shares)
    passed = same + ties == len(shares)
    gap, allowed = max(shares, key=lambda pair: pair[0] / pair[1])
    print(f"{name[:48]:48} {same:6} of {len(shares):2} {ties:9} {gap:11.2e} {allowed:9.1e}  "
          f"{'pass' if passed else 'FAIL'}", flush=True)
    return passed


def print_memory(name, memory):
    """True if what was allocated is within what was planned, and that within the model's bound."""
    peak, planned = max(m["peak_bytes"] for m in memory), max(m["planned_bytes"] for m in memory)
    bound = MEMORY.get(name, math.inf) * 2**30
    passed = peak <= planned <= bound
    print(f"device memory: at most {peak / 2**30:.2f} GiB allocated, {planned / 2**30:.2f} planned, bound "
          f"{bound / 2**30:g}  {'pass' if passed else 'FAIL'}", flush=True)
    return passed


def verify_language_model(percept, folder, options):
    """True if every token of every answer is PyTorch's or nearly tied with it."""
    pictures = pictures_in(options.photos) if options.photos else default_pictures()
    if not options.photos:
        pictures = {name: pictures[name] for name in PHOTOGRAPHS}
    if not pictures:
        raise BadCheckpoint(f"{options.photos}: no pictures in it")
    questions = list(itertools.islice(itertools.cycle(QUESTIONS), len(pictures)))
    model = LanguageModel(folder)
    # One after the other: each holds the whole model in memory.
    answers, memory = percept_answers(percept, model, options, pictures, questions)
    # Weights in f32 take twice the memory that the bounds are for.
    passed = [print_memory(known_name(options.random or options.model) if options.precision != "f32" else None, memory)]
    model.load()
    cases = list(zip(pictures, map(model.prompt, questions), answers, map(model.pixels, pictures.values())))
    if options.random:
        _, *first = cases[0]
        print("cosine of logits left without a part:", assert_every_part_matters(model, *first), flush=True)
    print(f"{folder.name}, {options.precision}")
    print(f"{'answer to':48} {'PyTorch too':>12} {'near-tied':>9} {'largest gap':>11} {'allowed':>9}")
    passed += [
        print_row(name, gaps(model.logits(prompt, answer, pixels), answer, model.stops, options.precision))
        for name, prompt, answer, pixels in cases]
    return all(passed)
