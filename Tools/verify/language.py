"""Compares greedy answers of Percept with PyTorch's logits (float32) over the same prompt and answer."""

import itertools
import json
import subprocess
import tempfile
from pathlib import Path

from language_models import LanguageModel
from photos import PHOTOGRAPHS, default_pictures, pictures_in
from random_language import assert_every_part_matters
from towers import BadCheckpoint

QUESTIONS = (
    "What is in this picture?", "Describe the colours and the light of this scene.", "How many objects can you count?",
    "Is there an animal or a person here, and what are they doing?")
ANSWER = 24
# A token that is not PyTorch's passes when its logit is this near to the largest, as a share of the row's spread.
NEAR_TIE = 1e-2


def percept_answer(percept, folder, options, file, question):
    command = [
        percept, "ask", "--model", folder, "--precision", options.precision, "--weights", "full", "--tiles", "1",
        "--context", "1024", "--max-tokens", str(ANSWER), "--json"]
    command += ["--device", options.device] if options.device else []
    return json.loads(subprocess.run([*command, file, question], check=True, stdout=subprocess.PIPE).stdout)


def percept_answers(percept, model, options, pictures, questions):
    """Percept's greedy tokens, one answer a picture, to prompts as long as ours."""
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        for (name, picture), question in zip(pictures.items(), questions):
            file = Path(folder) / f"{name}.png"
            picture.save(file)
            answer = percept_answer(percept, model.folder, options, file, question)
            expected = len(model.prompt(question))
            if answer["prompt_tokens"] != expected:
                raise BadCheckpoint(f"{name}: Percept's prompt has {answer['prompt_tokens']} tokens, not {expected}")
            answers.append(answer["tokens"])
    return answers


def gaps(rows, tokens, stops):
    """How far each token's logit is below its row's largest, as a share of the row's spread. An answer that ended by
    itself counts its stop token, which Percept does not name."""
    tokens = list(tokens)
    if len(tokens) < ANSWER:
        tokens.append(max(stops, key=lambda stop: rows[-1, stop]))
    rows = rows[: len(tokens)].double()
    chosen = rows[range(len(tokens)), tokens]
    largest, smallest = rows.max(1).values, rows.min(1).values
    return ((largest - chosen) / (largest - smallest)).tolist()


def print_row(name, shares):
    same, worst = sum(share == 0 for share in shares), max(shares)
    passed = worst < NEAR_TIE
    ties = sum(0 < share < NEAR_TIE for share in shares)
    print(f"{name[:48]:48} {same:6} of {len(shares):2} {ties:9} {worst:10.2e}  {'pass' if passed else 'FAIL'}", flush=True)
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
    answers = percept_answers(percept, model, options, pictures, questions)
    model.load()
    cases = list(zip(pictures, map(model.prompt, questions), answers, map(model.pixels, pictures.values())))
    if options.random:
        _, *first = cases[0]
        print("cosine of logits left without a part:", assert_every_part_matters(model, *first), flush=True)
    print(f"{folder.name}, {options.precision}")
    print(f"{'answer to':48} {'PyTorch too':>12} {'near-tied':>9} {'largest gap':>11}")
    passed = [
        print_row(name, gaps(model.logits(prompt, answer, pixels), answer, model.stops))
        for name, prompt, answer, pixels in cases]
    return all(passed)
