"""Random full-size language models in which every part matters, and the proof that it does."""

import math
import shutil
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from language_models import LANGUAGE_MODELS
from random_checkpoint import random_tensor
from plm import transformers_config
from plm_files import write_configurations, write_shards
from plm_names import plm_shapes, transformers_tensors

# Its vocabulary is small: ids beyond it stand for no text, and its special tokens are not where Llama's are.
TOKENIZER = Path(__file__).resolve().parents[2] / "Tests" / "TokenizerTests" / "Fixtures" / "llama_tokenizer.json"
# Elements of a shard, about.
SHARD = 400_000_000

# What noise is multiplied by, after division by sqrt(fan-in) where it is no embedding. Queries and keys are strong, so
# that attention tells tokens apart; what it adds is weak enough beside the embeddings that the next token depends on the
# last.
GAINS = {
    "tok_embeddings": 0.5, "attention.wq": 1.35, "attention.wk": 1.35, "attention.wo": 0.7, "feed_forward.w1": 1.4,
    "projector.2": 0.5,
}


def language_tensor(name, shape, generator):
    if name.startswith("vision_model."):
        return random_tensor("visual." + name.removeprefix("vision_model."), shape, generator)
    noise = torch.randn(shape, generator=generator)
    if name.endswith("bias"):
        return 0.1 * noise
    if name == "norm.weight":
        # A tied output answers every token with itself unless signs before it differ.
        return (1 + 0.1 * noise) * torch.where(torch.rand(shape, generator=generator) < 0.5, -1.0, 1.0)
    if len(shape) == 1:
        return 1 + 0.1 * noise
    noise *= next((gain for part, gain in GAINS.items() if part in name), 1.0)
    return noise if name.startswith("tok_embeddings") else noise / math.sqrt(shape[1])


def shards(config, seed):
    """How many parts there are, and an iterator that makes them: transformers' names, bf16."""
    generator = torch.Generator().manual_seed(seed)
    groups, size = [[]], 0
    for name, shape in sorted(plm_shapes(config).items()):
        if size > SHARD:
            groups.append([])
            size = 0
        groups[-1].append((name, shape))
        size += math.prod(shape)

    def parts():
        for group in groups:
            part = {}
            for name, shape in group:
                tensors = transformers_tensors(config, {name: language_tensor(name, shape, generator).numpy()})
                part |= {key: torch.from_numpy(value).bfloat16().contiguous() for key, value in tensors.items()}
            yield part

    return len(groups), parts()


def write_random_language_model(name, folder, config=None):
    """Writes `name` with seeded random weights as transformers would at `folder`; the same seed every time."""
    config = dict(config or LANGUAGE_MODELS[name])
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    config["token_ids"] = tuple(map(tokenizer.token_to_id, ("<|image|>", "<|reserved_special_token_1|>")))
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    count, parts = shards(config, zlib.crc32(name.encode()))
    write_shards(partial, parts, count)
    write_configurations(partial, config, transformers_config(config))
    shutil.copy(TOKENIZER, partial / "tokenizer.json")
    partial.rename(folder)


def cosine(a, b):
    return float(F.cosine_similarity(a.flatten(), b.flatten(), dim=0))


@torch.no_grad()
def logits_without_parts(model, prompt, answer, pixels):
    """Logits of the answer, then by name of what was removed the logits without it."""
    network, decoder = model.network, model.network.model.language_model
    layers, streams = decoder.layers, []
    hooks = [layer.register_forward_pre_hook(lambda _, inputs: streams.append(inputs[0])) for layer in layers]
    whole = model.logits(prompt, answer, pixels)
    for hook in hooks:
        hook.remove()
    assert len(streams) == len(layers), "transformers calls its blocks in a way this script does not know"

    def finish(stream, rest, **arguments):
        decoder.layers = rest
        rows = decoder(inputs_embeds=stream, use_cache=False, **arguments).last_hidden_state
        decoder.layers = layers
        return network.lm_head(rows[0, -len(whole) :])

    without = {f"block {i}": finish(stream, layers[i + 1 :]) for i, stream in enumerate(streams)}
    positions = torch.zeros(1, len(prompt) + len(answer), dtype=torch.long)
    without["rotary positions"] = finish(streams[0], layers, position_ids=positions)
    without["the picture"] = model.logits(prompt, answer, torch.zeros_like(pixels))
    return whole, without


def assert_every_part_matters(model, prompt, answer, pixels):
    """Raises unless removing any part moves the answer's logits below cosine 0.99, and greedy tokens vary. Returns a line
    that says how far."""
    whole, without = logits_without_parts(model, prompt, answer, pixels)
    left = {part: cosine(whole, rows) for part, rows in without.items()}
    part, largest = max(left.items(), key=lambda item: item[1])
    assert largest < 0.99, f"removing {part} leaves the logits at cosine {largest:.5f}"
    distinct = len(set(whole.argmax(-1).tolist()))
    assert 2 * distinct > len(whole), f"{len(whole)} greedy tokens are only {distinct} different ones"
    blocks = [value for part, value in left.items() if part.startswith("block")]
    rest = ", ".join(f"{part} {value:.4f}" for part, value in left.items() if not part.startswith("block"))
    return f"blocks {min(blocks):.4f} to {max(blocks):.4f}, {rest}; {distinct} of {len(whole)} greedy tokens differ"
