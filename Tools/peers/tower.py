"""The image tower of a Perception Encoder in operations that every engine's importer knows: one input tensor
[1, 3, S, S], normalised, to one embedding [1, E]; pooling included.

Queries and keys keep the first and the second element of every rotary pair in separate halves of a head, which leaves
their products as they are and turns the rotation into slices that importers do not unroll.
"""

import torch
import torch.nn.functional as F
from torch import nn


def rotation(grid, head, has_class):
    """Cosines and sines [1, 1, tokens, head / 2], as perception_models core/vision_encoder/rope.py has them."""
    quarter = head // 4
    frequencies = 10000.0 ** (-4.0 * torch.arange(quarter) / head)
    offset = int(has_class)
    y, x = torch.meshgrid(torch.arange(grid) + offset, torch.arange(grid) + offset, indexing="ij")
    positions = torch.stack([x.flatten(), y.flatten()], 1)
    if has_class:
        positions = torch.cat([torch.zeros(1, 2, dtype=positions.dtype), positions])
    angles = (positions[:, :, None] * frequencies).flatten(1)
    return angles.cos()[None, None], angles.sin()[None, None]


def halves(tensor, heads):
    """Rows of queries or keys with the even elements of each head first."""
    rows = tensor.unflatten(0, (heads, -1, 2))
    return rows.transpose(1, 2).reshape(tensor.shape)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.head = heads, width // heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x):
        return x.reshape(1, -1, self.heads, self.head).transpose(1, 2)

    def mix(self, q, k, v):
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(1, -1, self.heads * self.head))

    def load(self, state, name, rotates):
        weights = state[f"{name}.in_proj_weight"].chunk(3)
        biases = state[f"{name}.in_proj_bias"].chunk(3)
        for layer, weight, bias in zip((self.q, self.k, self.v), weights, biases):
            turned = rotates and layer is not self.v
            layer.weight.data = halves(weight, self.heads) if turned else weight.clone()
            layer.bias.data = halves(bias, self.heads) if turned else bias.clone()
        self.out.weight.data = state[f"{name}.out_proj.weight"]
        self.out.bias.data = state[f"{name}.out_proj.bias"]


class SelfAttention(Attention):
    def forward(self, x, cosine, sine):
        def turn(y):
            a, b = y[..., : self.head // 2], y[..., self.head // 2 :]
            return torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1)

        return self.mix(turn(self.split(self.q(x))), turn(self.split(self.k(x))), self.split(self.v(x)))


class Pooling(Attention):
    def forward(self, probe, x):
        return self.mix(self.split(self.q(probe)), self.split(self.k(x)), self.split(self.v(x)))


class MLP(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.mlp = SelfAttention(width, heads), MLP(width, hidden)

    def forward(self, x, cosine, sine):
        x = x + self.attn(self.ln_1(x), cosine, sine)
        return x + self.mlp(self.ln_2(x))


class Tower(nn.Module):
    """A PE-Core tower: `config` as in Tools/verify/models.py, `state` by official names without `visual.`."""

    def __init__(self, config, state):
        super().__init__()
        width, patch, heads = config["width"], config["patch_size"], config["heads"]
        pool_heads = config["attn_pooler_heads"]
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(
            Block(width, heads, int(width * config["mlp_ratio"])) for _ in range(config["layers"]))
        self.pool, self.pool_norm, self.pool_mlp = Pooling(width, pool_heads), nn.LayerNorm(width), MLP(width, 4 * width)
        self.proj = nn.Linear(width, config["output_dim"], bias=False)
        cosine, sine = rotation(config["image_size"] // patch, width // heads, has_class=True)
        positions = state["positional_embedding"]
        self.register_buffer("cosine", cosine)
        self.register_buffer("sine", sine)
        # The class token's row of the embedding never changes.
        self.register_buffer("first", (state["class_embedding"] + positions[0])[None, None].clone())
        self.register_buffer("positions", positions[1:][None].clone())
        self.register_buffer("probe", state["attn_pool.probe"].clone())
        self.load(state)

    def load(self, state):
        self.conv1.weight.data = state["conv1.weight"]
        self.proj.weight.data = state["proj"].T.contiguous()
        modules = {"ln_pre": self.ln_pre, "ln_post": self.ln_post, "attn_pool.layernorm": self.pool_norm}
        attentions = {"attn_pool.attn": (self.pool, False)}
        mlps = {"attn_pool.mlp": self.pool_mlp}
        for i, block in enumerate(self.blocks):
            prefix = f"transformer.resblocks.{i}"
            modules |= {f"{prefix}.ln_1": block.ln_1, f"{prefix}.ln_2": block.ln_2}
            attentions[f"{prefix}.attn"] = (block.attn, True)
            mlps[f"{prefix}.mlp"] = block.mlp
        for name, mlp in mlps.items():
            modules |= {f"{name}.c_fc": mlp.c_fc, f"{name}.c_proj": mlp.c_proj}
        for name, module in modules.items():
            module.weight.data, module.bias.data = state[f"{name}.weight"], state[f"{name}.bias"]
        for name, (attention, rotates) in attentions.items():
            attention.load(state, name, rotates)

    def forward(self, pixels):
        x = self.conv1(pixels).flatten(2).transpose(1, 2) + self.positions
        x = self.ln_pre(torch.cat([self.first, x], 1))
        for block in self.blocks:
            x = block(x, self.cosine, self.sine)
        pooled = self.pool(self.probe, self.ln_post(x))
        pooled = pooled + self.pool_mlp(self.pool_norm(pooled))
        return self.proj(pooled)[:, 0]
