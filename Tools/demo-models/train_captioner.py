"""Trains the demo captioner on questions about synthetic scenes and clips, on the CPU.

    python train_captioner.py ../../Sources/CPerceptData/demo --out runs/captioner --steps 3000

starts from the demo encoder's tower, or goes on from runs/captioner/checkpoint.pt. As in `train.py`, SIGTERM and SIGINT
save a checkpoint, a step draws from a generator of its own, and `--steps` may be changed on resuming.
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn

import captioner
import captions
import export
import scenes
from captioner import Captioner, LanguageConfig, Prompt, initialise, pack
from model import VisionConfig
from train import SEED, Pictures
from training import Run, learning_rate, on_all_ranks, parameter_groups

VALIDATION_SEED = 12
ONE_KIND, TWO_KIND, CLIPS = 4, 8, 7  # of a step of each rank
ASKED = 4  # questions a scene or clip, besides one or two more of the types that are slowest to learn
SLOW = "yes or no", "direction", "where"
TOWER_RATE = 0.4  # of the learning rate, reached from 0 between these steps
TOWER_STEPS = 100, 400


class Media(Pictures):
    """Also draws clips, whose frames share their ground and the strength of their noise."""

    def clips(self, rng, meanings, frames):
        batch = np.empty((len(meanings), frames, scenes.SIZE, scenes.SIZE, 3), np.float32)
        for clip, meaning in zip(batch, meanings):
            ground = self.grounds[rng.integers(len(self.grounds))]
            np.add(ground[::-1] if rng.random() < 0.5 else ground, np.float32(rng.uniform(-12, 12)), out=clip[0])
            clip[1:] = clip[0]
            for canvas, placed in zip(clip, captions.clip_objects(rng, meaning, frames)):
                scenes.paint_small(canvas, placed)
        pixels = torch.from_numpy(batch)
        strength = torch.from_numpy(rng.uniform(0, scenes.NOISE, (len(meanings), 1, 1, 1, 1)).astype(np.float32))
        start = int(rng.integers(len(self.noise) - pixels.numel()))
        pixels += self.noise[start : start + pixels.numel()].view_as(pixels) * strength
        return (pixels.clamp_(0, 255) / 127.5 - 1).flatten(0, 1).permute(0, 3, 1, 2)


def asked(rng, meaning):
    found = captions.questions(rng, meaning)
    chosen = [found[i] for i in rng.permutation(len(found))[:ASKED]]
    chosen += [q for q in captions.questions(rng, meaning) if q.type.endswith(SLOW)]
    return [(q.text, q.answer) for q in chosen]


def batches(step: int, rank: int, media: Media, prompt: Prompt):
    """A batch of scenes and one of clips."""
    rng = np.random.default_rng([SEED, 20, step, rank])
    shown = [scenes.random_one_kind(rng) for _ in range(ONE_KIND)] + [scenes.random_two_kind(rng) for _ in range(TWO_KIND)]
    yield pack(prompt, media.draw(rng, shown), 1, [asked(rng, m) for m in shown])
    clips = [captions.random_clip(rng) for _ in range(CLIPS)]
    frames = int(rng.integers(captions.FRAMES[0], captions.FRAMES[1] + 1, 2).min())  # short ones cost less
    yield pack(prompt, media.clips(rng, clips, frames), frames, [asked(rng, m) for m in clips])


@torch.no_grad()
def answered(model, prompt, items, blank=False):
    """For every item, whether each of its questions is answered to the letter.

    A greedy answer equals the expected one exactly if every token of it leads where all before it are given.
    """
    result = []
    for item in items:
        pixels = captioner.pixels(item.pictures)
        pixels = torch.zeros_like(pixels) if blank else pixels
        pairs = [(q.text, q.answer) for q in item.questions]
        logits, targets = model(prompt.before, pack(prompt, pixels, len(pixels), [pairs]))
        right = (logits.argmax(dim=1) == targets).tolist()
        lengths = [len(prompt.answer(a)) for _, a in pairs]
        ends = np.cumsum(lengths)
        result.append([all(right[e - n : e]) for e, n in zip(ends, lengths)])
    return result


def by_type(items, right):
    """Right answers and questions by kind of item and type of question."""
    counts = defaultdict(lambda: [0, 0])
    for item, row in zip(items, right):
        for q, r in zip(item.questions, row):
            for key in ((item.kind, q.type), (item.kind, "all")):
                counts[key][0] += r
                counts[key][1] += 1
    return dict(counts)


def tower_rate(step: int):
    start, end = TOWER_STEPS
    return TOWER_RATE * min(max((step - start) / (end - start), 0), 1)


def train(rank: int, arguments, rendezvous: Path):
    out, steps = arguments.out, arguments.steps
    run = Run(rank, out / "checkpoint.pt", rendezvous)

    prompt = Prompt(Tokenizer.from_file(str(out / "tokenizer.json")))
    media = Media(out / "grounds.npy")
    model = Captioner(VisionConfig(), LanguageConfig(prompt.tokenizer.get_vocab_size()))
    rng = np.random.default_rng([SEED, 21])
    sample = media.draw(rng, [scenes.random_two_kind(rng) for _ in range(64)])
    initialise(model, export.load(arguments.encoder), SEED, sample)
    groups = parameter_groups([model.multi_modal_projector, model.language_model])
    for g in groups:
        g["tower"] = False
    for g in parameter_groups([model.vision_tower]):
        groups.append(g | {"tower": True})
    optimiser = torch.optim.AdamW(groups, lr=0, betas=(0.9, 0.98), fused=True)
    run.resume(model=model, optimiser=optimiser)

    if rank == 0:
        validation = [captions.item(kind, VALIDATION_SEED, i) for kind in captions.KINDS for i in range(30)]
        log = open(out / "log.txt", "a", buffering=1)
    parameters = list(model.parameters())
    losses, last, stopping = [], time.monotonic(), False
    while run.step < steps and not stopping:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(run.step, steps) * (tower_rate(run.step) if group["tower"] else 1)
        optimiser.zero_grad(set_to_none=True)
        parts = []
        for batch in batches(run.step, rank, media, prompt):
            each = F.cross_entropy(*model(prompt.before, batch), reduction="none")
            loss = (each * batch.weights).sum() / batch.weights.sum()
            (loss / 2).backward()
            parts.append(loss.item())
        stopping = run.average(parameters)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        run.step += 1
        losses.append(parts)
        if rank == 0 and (time.monotonic() - last > 90 or run.step == steps):
            last = time.monotonic()
            scores = by_type(validation, answered(model, prompt, validation))
            table = defaultdict(dict)
            for (kind, type), (right, number) in scores.items():
                table[kind][type] = round(right / number, 2)
            log.write(json.dumps({
                "time": time.strftime("%H:%M:%S"), "step": run.step, "steps": steps,
                "loss": np.mean(losses, axis=0).round(4).tolist(), "right": table,
                "cpu_seconds": round(run.cpu_seconds())}) + "\n")
            losses.clear()
            run.save()
    if rank == 0:
        run.save()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("encoder", type=Path, help="folder of the demo encoder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    Media(arguments.out / "grounds.npy")
    if not (arguments.out / "tokenizer.json").exists():
        (arguments.out / "tokenizer.json").write_text(captioner.train_tokenizer().to_str() + "\n", encoding="utf-8")
    on_all_ranks(train, arguments)


if __name__ == "__main__":
    main()
