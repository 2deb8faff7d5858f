"""A Perception Language Model in plain PyTorch: a tower without pooling, a projector and a Llama decoder.

Written from a description of the architecture (PerceptionLM, arXiv 2504.13180). The tower has the official parameter
names, projector and decoder those of transformers, whose rotary embedding turns the halves of a head; the names are
mapped and the whole is compared with transformers in `export_captioner.py`.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn

import captions
import scenes
from model import VisionConfig, VisionTower

SYSTEM = ("You are a helpful language and vision assistant. You are able to understand the visual content that the user "
          "provides, and assist the user with a variety of tasks using natural language.")
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
           r"|\s+(?!\S)|\s+")
SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|image|>", "<|video|>", "<|reserved_special_token_2|>",
            "<|reserved_special_token_3|>", "<|start_header_id|>", "<|end_header_id|>", "<|reserved_special_token_4|>",
            "<|eot_id|>"]


# --- tokens --------------------------------------------------------------------------------------------------------


def train_tokenizer():
    """Bytes and merges learned from questions, answers and the system text, in the form of Llama 3's file."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    # Sorted letters, so that ids do not depend on hashes; `min_frequency` keeps every word whole.
    trainer = trainers.BpeTrainer(vocab_size=4096, min_frequency=20, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator([*captions.corpus(), *[SYSTEM, "system\n\nuser\n\nassistant\n\n"] * 20], trainer)
    tokenizer.decoder = decoders.ByteLevel()
    begin = tokenizer.get_vocab_size()
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in SPECIALS])
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single=f"{SPECIALS[0]} $A", pair=f"{SPECIALS[0]} $A {SPECIALS[0]}:1 $B:1",
            special_tokens=[(SPECIALS[0], begin)])])
    return tokenizer


class Prompt:
    """Ids of the prompt's parts; see `apps/plm` of perception_models, format `plm_sft`."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        begin, _, self.image, self.video, _, _, start, end, _, self.stop = map(tokenizer.token_to_id, SPECIALS)

        def header(role):
            return [start, *self.ids(role), end, *self.ids("\n\n")]

        self.before = [begin, *header("system"), *self.ids(SYSTEM), self.stop, *header("user")]  # the media
        self.after = [self.stop, *header("assistant")]  # the question

    def ids(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def question(self, text):
        return [*self.ids(text), *self.after]

    def answer(self, text):
        return [*self.ids(text), self.stop]


# --- model ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LanguageConfig:
    vocab_size: int
    width: int = 192
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 384
    theta: float = 10000.0
    eps: float = 1e-5
    context: int = 1024

    @property
    def head_size(self):
        return self.width // self.heads


class LangTower(VisionTower):
    """All blocks, no norm after them, no pooling; the class token is dropped."""

    def __init__(self, config: VisionConfig):
        super().__init__(config)
        del self.ln_post, self.attn_pool, self.proj

    def forward(self, pixels):
        return self.tokens(pixels)[:, 1:]


class Projector(nn.Module):
    def __init__(self, tower: int, width: int):
        super().__init__()
        self.linear_1 = nn.Linear(tower, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, x):
        return self.linear_2(F.gelu(self.linear_1(x)))


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight, self.eps)


def linear(inputs: int, outputs: int):
    return nn.Linear(inputs, outputs, bias=False)


def halves_turned(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class SelfAttention(nn.Module):
    def __init__(self, c: LanguageConfig):
        super().__init__()
        self.config = c
        self.q_proj, self.o_proj = linear(c.width, c.width), linear(c.width, c.width)
        self.k_proj, self.v_proj = (linear(c.width, c.kv_heads * c.head_size) for _ in range(2))

    def project(self, x, angles):
        size = self.config.head_size
        q, k, v = (p(x).unflatten(-1, (-1, size)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        cos, sin = (f[:, None] for f in (angles.cos(), angles.sin()))
        q, k = halves_turned(q, cos, sin), halves_turned(k, cos, sin)
        shared = self.config.heads // self.config.kv_heads
        return q, k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)

    def attend(self, q, k, v, mask=None):
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        return self.o_proj(a.transpose(1, 2).flatten(2))


class Gated(nn.Module):
    def __init__(self, c: LanguageConfig):
        super().__init__()
        self.gate_proj, self.up_proj = linear(c.width, c.hidden), linear(c.width, c.hidden)
        self.down_proj = linear(c.hidden, c.width)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):
    def __init__(self, c: LanguageConfig):
        super().__init__()
        self.self_attn, self.mlp = SelfAttention(c), Gated(c)
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(c.width, c.eps), RMSNorm(c.width, c.eps)

    def forward(self, before, x, angles_before, angles, mask):
        """Moves `before` [1, P, D], which all of the batch begin with, and `x` [B, T, D], which also see it."""
        q0, k0, v0 = self.self_attn.project(self.input_layernorm(before), angles_before)
        q, k, v = self.self_attn.project(self.input_layernorm(x), angles)
        before = before + self.self_attn.attend(q0, k0, v0)
        before = before + self.mlp(self.post_attention_layernorm(before))
        k, v = (torch.cat([p.expand(len(x), -1, -1, -1), o], dim=2) for p, o in ((k0, k), (v0, v)))
        x = x + self.self_attn.attend(q, k, v, mask)
        return before, x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    def __init__(self, c: LanguageConfig):
        super().__init__()
        self.config = c
        self.embed_tokens = nn.Embedding(c.vocab_size, c.width)
        self.layers = nn.ModuleList(DecoderLayer(c) for _ in range(c.layers))
        self.norm = RMSNorm(c.width, c.eps)

    def angles(self, positions):
        n = self.config.head_size // 2
        frequency = self.config.theta ** (-torch.arange(n, dtype=torch.float64) / n)
        return (positions[..., None].double() * frequency).float()

    def forward(self, before, x, positions, mask):
        """The normalised states [B, T, D] of embeddings `x` at `positions` [B, T], after the ids `before`."""
        before = torch.tensor([before])
        angles_before = self.angles(torch.arange(before.shape[1])[None])
        before, angles = self.embed_tokens(before), self.angles(positions)
        for layer in self.layers:
            before, x = layer(before, x, angles_before, angles, mask)
        return self.norm(x)


@dataclass
class Packed:
    """Media of a batch, each with several questions that do not see one another."""

    pixels: torch.Tensor  # [B * F, 3, S, S]
    frames: int
    ids: torch.Tensor  # [B, T] of the questions and answers, zero-padded
    segments: torch.Tensor  # [B, T], the question that each id is of, -1 for padding
    positions: torch.Tensor  # [B, T] within the segment
    targets: torch.Tensor  # [B, T], what follows where the model answers, else -100
    weights: torch.Tensor  # [N] of the targets in the loss: answers of one token count for more than those in a caption


IGNORED = -100


def pack(prompt: Prompt, pixels, frames: int, asked):
    """`asked`: for each of the batch a list of (question, answer) texts."""
    rows, weights = [], []
    for pairs in asked:
        ids, segments, positions, targets = [], [], [], []
        for index, (question, answer) in enumerate(pairs):
            q, a = prompt.question(question), prompt.answer(answer)
            ids += q + a[:-1]
            targets += [IGNORED] * (len(q) - 1) + a
            weights += [len(a) ** -0.5] * len(a)
            positions += range(len(q) + len(a) - 1)
            segments += [index] * (len(q) + len(a) - 1)
        rows.append((ids, segments, positions, targets))
    longest = max(len(r[0]) for r in rows)
    tables = [torch.tensor([r[i] + [fill] * (longest - len(r[i])) for r in rows])
              for i, fill in enumerate((0, -1, 0, IGNORED))]
    return Packed(pixels, frames, *tables, torch.tensor(weights))


class Captioner(nn.Module):
    def __init__(self, vision: VisionConfig, language: LanguageConfig):
        super().__init__()
        self.vision_tower = LangTower(vision)
        self.multi_modal_projector = Projector(vision.width, language.width)
        self.language_model = Decoder(language)

    def media(self, pixels, frames: int):
        """Embeddings [B, F * grid^2, D] of media of `frames` pictures each; `pixels` [B * F, 3, S, S]."""
        x = self.multi_modal_projector(self.vision_tower(pixels))
        return x.unflatten(0, (-1, frames)).flatten(1, 2)

    def forward(self, before, batch: Packed):
        """Logits [N, V] where the batch has targets, and the targets [N]."""
        media = self.media(batch.pixels, batch.frames)
        size, seen, length = len(media), media.shape[1], len(before)
        x = torch.cat([media, self.language_model.embed_tokens(batch.ids)], dim=1)
        shown = torch.arange(seen).expand(size, -1)
        positions = torch.cat([shown, seen + batch.positions], dim=1) + length
        # Everyone sees what comes before, media see media up to themselves, questions all media and their own ids.
        segments = torch.cat([torch.full((size, seen), -2), batch.segments], dim=1)
        own = (segments[:, :, None] == segments[:, None, :]) | (segments[:, None, :] == -2)
        own &= torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        mask = F.pad(own, (length, 0), value=True)[:, None]
        states = self.language_model(before, x, positions, mask)[:, seen:]
        answering = batch.targets != IGNORED
        return F.linear(states[answering], self.language_model.embed_tokens.weight), batch.targets[answering]

    @torch.no_grad()
    def answer(self, prompt: Prompt, pixels, question: str, longest=24):
        """Greedy text for one picture or clip [F, 3, S, S], recomputing the whole sequence for every token."""
        media, ids = self.media(pixels, len(pixels)), prompt.question(question)
        given = len(ids)
        while len(ids) < given + longest:
            x = torch.cat([media, self.language_model.embed_tokens(torch.tensor([ids]))], dim=1)
            positions = torch.arange(x.shape[1])[None] + len(prompt.before)
            mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
            mask = F.pad(mask, (len(prompt.before), 0), value=True)[None, None]
            state = self.language_model(prompt.before, x, positions, mask)[0, -1]
            token = int(F.linear(state, self.language_model.embed_tokens.weight).argmax())
            if token == prompt.stop:
                break
            ids.append(token)
        return prompt.tokenizer.decode(ids[given:])


@torch.no_grad()
def initialise(model: Captioner, encoder, seed: int, sample):
    """The tower from the demo encoder; the projector starts from features of `sample` pixels with unit deviation."""
    generator = torch.Generator().manual_seed(seed)
    names = model.vision_tower.state_dict().keys()
    model.vision_tower.load_state_dict({n: encoder.visual.state_dict()[n] for n in names})
    layers = model.language_model.config.layers
    for name, p in model.language_model.named_parameters():
        if "embed_tokens" in name:
            p.normal_(0, 0.1, generator=generator)
        elif p.ndim == 2:
            nn.init.xavier_uniform_(p, generator=generator)
            if "o_proj" in name or "down_proj" in name:
                p.div_(math.sqrt(2 * layers))
    first, second = model.multi_modal_projector.linear_1, model.multi_modal_projector.linear_2
    for layer in (first, second):
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        layer.bias.zero_()
    features = model.vision_tower(sample).flatten(0, 1)
    deviation, mean = torch.std_mean(features, dim=0)
    first.weight.div_(deviation)
    first.bias.copy_(-first.weight @ mean)
    second.weight.mul_(0.5)


def pixels(pictures):
    """Normalised pixels [F, 3, S, S] of uint8 pictures [F, H, W, 3], squashed bicubically as PLM does."""
    side = (scenes.SIZE, scenes.SIZE)
    small = [p if p.shape[:2] == side else np.asarray(Image.fromarray(p).resize(side, Image.Resampling.BICUBIC))
             for p in pictures]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2) / 127.5 - 1
