"""Random full-size checkpoints in which every part of the network matters, and the proof that it does.

Plain fan-in noise will not do: averaging over tokens makes all pictures alike, so that an engine could ignore most of the
network and still match. Here gains keep attention selective and every block's share of the residual stream visible, and
the last biases subtract what the embeddings of made-up pictures and sentences have in common.
"""

import itertools
import math
import zlib
from fnmatch import fnmatch

import numpy as np
import torch
import torch.nn.functional as F

from models import MODELS
from photos import clouds
from towers import build_towers, embed_images, pixels, pooled_embedding, text_shapes
from official import vision_shapes

# What a tensor's noise is multiplied by, after division by sqrt(fan-in) where it is a matrix; the first match counts.
# Branches of the image tower are weak, so that 16-bit errors do not pile up over the blocks. Those of the text tower are
# strong, because the pooled token learns of the others through attention alone.
GAINS = {
    "visual.conv1.weight": 4.0, "visual.positional_embedding": 0.3,
    "visual.transformer.*.out_proj.weight": 0.25, "visual.transformer.*.c_proj.weight": 0.28, "*.c_fc.weight": 1.4,
    "transformer.*.out_proj.weight": 1.2, "positional_embedding": 0.3,
}
QUERY_KEY_GAINS = {"visual.attn_pool.*": 1.6, "visual.*": 1.2, "*": 1.35}
# Share of each filter's mean that is taken away: left in, all that counts is a picture's average colour; without any,
# smooth pictures are all rounding.
FILTER_MEAN_REMOVED = 0.8


def gain_of(name, gains):
    return next((gain for pattern, gain in gains.items() if fnmatch(name, pattern)), 1.0)


def random_tensor(name, shape, generator):
    noise = torch.randn(shape, generator=generator)
    last = name.rsplit(".", 1)[-1]
    if last == "gamma":
        return 0.4 + 0.1 * noise
    if last == "weight" and ("ln_" in name or "norm" in name):
        return 1 + 0.1 * noise
    if last in ("bias", "in_proj_bias"):
        return 0.1 * noise
    noise *= gain_of(name, GAINS)
    if last in ("class_embedding", "positional_embedding", "probe") or name == "token_embedding.weight":
        return noise
    noise /= math.sqrt(shape[0] if last in ("proj", "text_projection") else math.prod(shape[1:]))
    if last == "in_proj_weight":
        noise[: 2 * shape[1]] *= gain_of(name, QUERY_KEY_GAINS)
    if name == "visual.conv1.weight":
        noise -= FILTER_MEAN_REMOVED * noise.mean((2, 3), keepdim=True)
    return noise


def mean_output(module, run):
    """Mean over everything but the last dimension of what `module` returns during `run`."""
    seen = []
    hook = module.register_forward_hook(lambda _, __, output: seen.append(output.reshape(-1, output.shape[-1])))
    run()
    hook.remove()
    return torch.cat(seen).mean(0)


@torch.no_grad()
def centre_vision(state, tower, layers):
    """Subtracts, in the last biases, what the embeddings of generated pictures share."""
    images = [clouds(100 + i, 256, 256) for i in range(8)]

    def subtract(parameter, name, mean):
        parameter -= mean
        state[f"visual.{name}"].copy_(parameter)

    if tower.attn_pool is not None:
        pool, run = tower.attn_pool, lambda: embed_images(tower, images)
        subtract(pool.proj.bias, "attn_pool.attn.out_proj.bias", mean_output(pool.proj, run))
        subtract(pool.mlp.fc2.bias, "attn_pool.mlp.c_proj.bias", mean_output(pool.mlp.fc2, run))
    else:
        block = tower.blocks[-1]
        tokens = torch.cat([tower.forward_features(pixels(tower, [image])) for image in images])
        mean = tokens[:, tower.num_prefix_tokens :].mean((0, 1))
        gamma = 1 if block.gamma_2 is None else block.gamma_2
        subtract(block.mlp.fc2.bias, f"transformer.resblocks.{layers - 1}.mlp.c_proj.bias", mean / gamma)


@torch.no_grad()
def centre_text(state, text, generator):
    ids = torch.zeros(16, text.context_length, dtype=torch.long)
    for row, length in enumerate(range(3, 19)):
        words = torch.randint(256, 49406, (length,), generator=generator)
        ids[row, : length + 2] = torch.cat([torch.tensor([49406]), words, torch.tensor([49407])])
    rows = []
    hook = text.ln_final.register_forward_hook(lambda _, __, output: rows.append(output))
    text(ids)
    hook.remove()
    state["ln_final.bias"] -= rows[0][torch.arange(len(ids)), ids.argmax(-1)].mean(0)


def write_random_checkpoint(name, path):
    """Writes `name` with seeded random weights as an official file at `path`; the same seed every time."""
    vision_config, text_config = MODELS[name]
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    shapes = {f"visual.{key}": shape for key, shape in vision_shapes(vision_config).items()}
    shapes |= text_shapes(text_config) if text_config else {}
    state = {key: random_tensor(key, shape, generator) for key, shape in sorted(shapes.items())}
    if text_config:
        state["logit_scale"] = torch.tensor(np.float32(math.log(1 / 0.07)))
    tower, text = build_towers(state, vision_config, text_config)
    centre_vision(state, tower, vision_config["layers"])
    if text:
        centre_text(state, text, generator)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.rename(path)


@torch.no_grad()
def ablated_embeddings(tower, image):
    """The embedding of `image`, then by name of the removed part the embedding without it."""
    x, rope = tower._pos_embed(tower.patch_embed(pixels(tower, [image])))
    streams = [tower.norm_pre(x)]
    for block in tower.blocks:
        streams.append(block(streams[-1], rope=rope))

    def finish(x, start, rope=rope):
        for block in tower.blocks[start:]:
            x = block(x, rope=rope)
        return pooled_embedding(tower, tower.norm(x))[0]

    whole = finish(streams[-1], len(tower.blocks))
    without = {f"block {i}": finish(streams[i], i + 1) for i in range(len(tower.blocks))}
    without["RoPE"] = finish(streams[0], 0, rope=None)
    if tower.attn_pool is not None:
        silence = tower.attn_pool.mlp.register_forward_hook(lambda _, __, output: torch.zeros_like(output))
        without["pooling MLP"] = finish(streams[-1], len(tower.blocks))
        silence.remove()
    return whole, without


def assert_every_part_matters(tower, pictures, embeddings):
    """Raises unless removing any part moves every checked embedding below cosine 0.999, and any two pictures' embeddings
    have a cosine below 0.9. Returns a line that says how far."""
    largest = {}
    for image in itertools.islice(pictures.values(), 2):
        whole, without = ablated_embeddings(tower, image)
        for part, embedding in without.items():
            largest[part] = max(largest.get(part, -1.0), float(F.cosine_similarity(whole, embedding, dim=0)))
    part, cosine = max(largest.items(), key=lambda item: item[1])
    assert cosine < 0.999, f"removing {part} leaves the embedding at cosine {cosine:.5f}"
    similarity = embeddings @ embeddings.T - 2 * torch.eye(len(embeddings))
    closest = float(similarity.max())
    assert closest < 0.9, f"two pictures' embeddings have cosine {closest:.4f}"
    blocks = [cosine for part, cosine in largest.items() if part.startswith("block")]
    rest = ", ".join(f"{part} {cosine:.4f}" for part, cosine in largest.items() if not part.startswith("block"))
    return f"blocks {min(blocks):.4f} to {max(blocks):.4f}, {rest}; closest two pictures {closest:.4f}"
