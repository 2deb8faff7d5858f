"""Trains the demo model on synthetic scenes with the contrastive loss, on the CPU.

    python train.py --out runs/demo --steps 4600        starts, or goes on from runs/demo/checkpoint.pt

SIGTERM and SIGINT save a checkpoint at the next step and end the run. Every step draws from a generator seeded with
(seed, step, rank), so an interrupted run sees the same scenes. `--steps` may be changed on resuming; the learning rate
follows the new schedule from there on.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import inputs
import scenes
from model import PECore, TextConfig, VisionConfig, initialise
from scenes import OneKind
from training import Run, learning_rate, on_all_ranks, parameter_groups

SEED = 1
VALIDATION_SEED = 2
BATCH = 32  # of each rank
TWO_KIND = 12  # of a batch
NEAR = 3  # captions close to the true one that each picture adds to the pool
PARTIAL = 0.15  # of the one-kind captions say nothing of the position
PREFIXED = 0.15  # of the steps put "a photo of" or the like in front of every caption
GROUNDS = 6000
HEADS_UNTIL = 0.6  # of the steps

# What the throw-away heads predict: one-kind colour, shape, count, position, then two-kind axis, first colour and
# shape, second colour and shape.
HEADS = [8, 8, 5, 5, 2, 8, 8, 8, 8]
IGNORED = -100


def labels(meaning):
    if isinstance(meaning, OneKind):
        position = IGNORED if meaning.position is None else meaning.position
        return [meaning.colour, meaning.shape, meaning.count, position] + [IGNORED] * 5
    return [IGNORED] * 4 + [meaning.axis, *meaning.first, *meaning.second]


class AttributeHeads(nn.Module):
    """Linear classifiers of the embeddings of both towers, used in training only."""

    def __init__(self, width: int):
        super().__init__()
        self.linear = nn.Linear(width, sum(HEADS))

    def forward(self, embeddings, targets):
        parts = (self.linear(embeddings) * 8).split(HEADS, dim=1)
        return sum(F.cross_entropy(p, t, ignore_index=IGNORED, reduction="sum")
                   for p, t in zip(parts, targets.unbind(1))) / len(targets)


class Pictures:
    """Draws training pictures fast: grounds from a bank, flipped and shifted, objects from the table of masks."""

    def __init__(self, cache: Path):
        if not cache.exists():
            rng = np.random.default_rng([SEED, 1])
            bank = np.stack([np.round(scenes.squash(scenes.background(rng))).astype(np.uint8) for _ in range(GROUNDS)])
            np.save(cache, bank)
        self.grounds = np.load(cache)
        self.noise = torch.randn(1 << 22, generator=torch.Generator().manual_seed(SEED))

    def draw(self, rng, meanings):
        """Normalised pixels [B, 3, S, S]."""
        batch = np.empty((len(meanings), scenes.SIZE, scenes.SIZE, 3), np.float32)
        for canvas, meaning in zip(batch, meanings):
            ground = self.grounds[rng.integers(len(self.grounds))]
            np.add(ground[::-1] if rng.random() < 0.5 else ground, np.float32(rng.uniform(-12, 12)), out=canvas)
            scenes.paint_small(canvas, scenes.objects(rng, meaning))
        pixels = torch.from_numpy(batch)
        strength = torch.from_numpy(rng.uniform(0, scenes.NOISE, (len(meanings), 1, 1, 1)).astype(np.float32))
        start = int(rng.integers(len(self.noise) - pixels.numel()))
        pixels += self.noise[start : start + pixels.numel()].view_as(pixels) * strength
        return (pixels.clamp_(0, 255) / 127.5 - 1).permute(0, 3, 1, 2)


def near(rng, meaning):
    """`NEAR` wrong meanings, without held-out combinations: one attribute changed, or see `neighbours_two_kind`."""
    if isinstance(meaning, OneKind):
        attributes = rng.permutation(4 if meaning.position is not None else 3)[:NEAR]
        found = ([m for m in scenes.neighbours_one_kind(rng, meaning, int(a), 8) if scenes.trainable(m)]
                 for a in attributes)
        return [neighbours[0] for neighbours in found]
    wrong = [m for m in scenes.neighbours_two_kind(rng, meaning) if scenes.trainable(m)]
    return [wrong[i] for i in rng.permutation(len(wrong))[:NEAR]]


def key(meaning, position=True):
    return (meaning.colour, meaning.shape, meaning.count, meaning.position if position else None) \
        if isinstance(meaning, OneKind) else (meaning.axis, meaning.first, meaning.second)


class Batch:
    """Pictures, the pool of captions (the first BATCH are the pictures' own) and which captions are true."""

    def __init__(self, step: int, rank: int, pictures: Pictures):
        rng = np.random.default_rng([SEED, 0, step, rank])
        shown = [scenes.random_two_kind(rng) if i < TWO_KIND else scenes.random_one_kind(rng) for i in range(BATCH)]
        said = [m.changed(3, None) if isinstance(m, OneKind) and rng.random() < PARTIAL else m for m in shown]
        pool = said + [m for s in said for m in near(rng, s)]
        prefix = scenes.PREFIXES[int(rng.integers(1, len(scenes.PREFIXES)))] if rng.random() < PREFIXED else ""
        texts = [prefix + (m.text() if isinstance(m, OneKind) else m.text(bool(rng.integers(2)))) for m in pool]
        self.pixels = pictures.draw(rng, shown)
        self.ids = inputs.tokens(texts, cut=True)
        keys = [key(m) for m in pool]
        true = np.array([[k == a or k == b for k in keys]
                         for a, b in ((key(s), key(s, position=False)) for s in shown)])
        self.others = torch.from_numpy(true)
        self.others[torch.arange(BATCH), torch.arange(BATCH)] = False
        self.picture_labels = torch.tensor([labels(m) for m in shown])
        self.text_labels = torch.tensor([labels(m) for m in pool])


def contrastive_loss(image, text, scale, others):
    """CLIP's symmetric softmax loss; other true captions of a picture, `others`, are left out of its sum."""
    logits = (scale * image @ text.T).masked_fill(others, -torch.inf)
    target = torch.arange(len(image))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits[:, : len(image)].T, target)) / 2


class Validation:
    def __init__(self):
        self.examples = {kind: scenes.examples(kind, n, VALIDATION_SEED) for kind, n in (("one", 200), ("two", 100))}

    @torch.no_grad()
    def accuracy(self, model):
        result = {}
        for kind, examples in self.examples.items():
            unique = sorted({c for e in examples for c in e.captions})
            text = model.encode_text(inputs.tokens(unique, cut=True))
            rows = {c: i for i, c in enumerate(unique)}
            image = model.encode_image(inputs.pixels([e.picture for e in examples]))
            right = sum(int((text[[rows[c] for c in e.captions]] @ v).argmax()) == e.answer
                        for e, v in zip(examples, image))
            result[kind] = right / len(examples)
        return result


def train(rank: int, arguments, rendezvous: Path):
    out, steps = arguments.out, arguments.steps
    run = Run(rank, out / "checkpoint.pt", rendezvous)

    text = TextConfig(vocab_size=len(inputs.CUT))
    model = PECore(VisionConfig(), text)
    initialise(model, SEED)
    torch.manual_seed(SEED)
    heads = AttributeHeads(text.output_dim)
    optimiser = torch.optim.AdamW(parameter_groups([model, heads]), lr=0, betas=(0.9, 0.98), fused=True)
    run.resume(model=model, heads=heads, optimiser=optimiser)

    pictures = Pictures(out / "grounds.npy")
    if rank == 0:
        validation = Validation()
        log = open(arguments.log or out / "log.txt", "a", buffering=1)
    parameters = [p for m in (model, heads) for p in m.parameters()]
    mean_loss, last, stopping = None, time.monotonic(), False
    while run.step < steps and not stopping:
        batch = Batch(run.step, rank, pictures)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(run.step, steps)
        image, text = model.encode_image(batch.pixels), model.encode_text(batch.ids)
        loss = contrastive_loss(image, text, model.logit_scale.exp(), batch.others)
        weight = min(1.0, max(0.0, 10 * (HEADS_UNTIL - run.step / steps)))  # fades out over the last tenth
        attributes = heads(image, batch.picture_labels) + 0.5 * heads(text, batch.text_labels)
        optimiser.zero_grad(set_to_none=True)
        (loss + weight * attributes).backward()
        stopping = run.average(parameters)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))
        run.step += 1
        mean_loss = loss.item() if mean_loss is None else 0.98 * mean_loss + 0.02 * loss.item()
        if rank == 0 and (time.monotonic() - last > 60 or run.step == steps):
            last = time.monotonic()
            log.write(json.dumps({
                "time": time.strftime("%H:%M:%S"), "step": run.step, "steps": steps, "loss": round(mean_loss, 4),
                "scale": round(model.logit_scale.exp().item(), 2), "accuracy": validation.accuracy(model),
                "cpu_seconds": round(run.cpu_seconds())}) + "\n")
            run.save()
    if rank == 0:
        run.save()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--log", type=Path, help="one line a minute; default OUT/log.txt")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    Pictures(arguments.out / "grounds.npy")
    on_all_ranks(train, arguments)


if __name__ == "__main__":
    main()
