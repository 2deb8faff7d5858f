"""PE-Core in plain PyTorch, with the official parameter names.

Written from a description of the architecture (Perception Encoder, arXiv 2504.13181): the vision tower is a
ViT with a class token, learned positions, 2-D rotary embedding and attention pooling; the text tower is CLIP's.
`export.py` checks both against timm and open_clip.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class VisionConfig:
    image_size: int = 80
    patch_size: int = 16
    width: int = 128
    layers: int = 6
    heads: int = 4
    mlp_ratio: float = 4.0
    output_dim: int = 128
    attn_pooler_heads: int = 8


@dataclass(frozen=True)
class TextConfig:
    context_length: int = 32
    width: int = 64
    heads: int = 4
    layers: int = 3
    mlp_ratio: float = 4.0
    output_dim: int = 128
    vocab_size: int = 49408


class Attention(nn.Module):
    """Multi-head attention with one packed projection: rows are q, k, v, then head, then dimension."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def split(self, x):  # [B, N, D] -> [B, heads, N, D / heads]
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, rotate=None, causal=False):
        q, k, v = (self.split(t) for t in F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1))
        if rotate is not None:
            q, k = rotate(q), rotate(k)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out_proj(a.transpose(1, 2).flatten(2))

    def pool(self, probe, x):
        """Attends from `probe` [1, 1, D] to `x` [B, N, D]; [B, 1, D]."""
        width = x.shape[-1]
        q = F.linear(probe, self.in_proj_weight[:width], self.in_proj_bias[:width]).expand(x.shape[0], -1, -1)
        k, v = F.linear(x, self.in_proj_weight[width:], self.in_proj_bias[width:]).chunk(2, dim=-1)
        a = F.scaled_dot_product_attention(self.split(q), self.split(k), self.split(v))
        return self.out_proj(a.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, width: int, ratio: float):
        super().__init__()
        self.c_fc = nn.Linear(width, int(width * ratio))
        self.c_proj = nn.Linear(int(width * ratio), width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, ratio: float):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = MLP(width, ratio)

    def forward(self, x, rotate=None, causal=False):
        x = x + self.attn(self.ln_1(x), rotate, causal)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, ratio: float):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads, ratio) for _ in range(layers))

    def forward(self, x, rotate=None, causal=False):
        for block in self.resblocks:
            x = block(x, rotate, causal)
        return x


class AttentionPool(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.probe = nn.Parameter(torch.empty(1, 1, width))
        self.attn = Attention(width, heads)
        self.layernorm = nn.LayerNorm(width)
        self.mlp = MLP(width, 4.0)

    def forward(self, x):
        a = self.attn.pool(self.probe, x)
        return (a + self.mlp(self.layernorm(a)))[:, 0]


def rotary_angles(grid: int, head_dim: int):
    """Angles [1 + grid^2, head_dim / 2] of the class token (0) and the patches: x part, then y part, from 1 on."""
    n = head_dim // 4
    frequency = 10000.0 ** (-torch.arange(n, dtype=torch.float64) / n)
    y, x = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    angles = torch.cat([(c.flatten()[:, None] + 1) * frequency for c in (x, y)], dim=1)
    return torch.cat([torch.zeros(1, 2 * n), angles]).float()


class VisionTower(nn.Module):
    def __init__(self, config: VisionConfig):
        super().__init__()
        width, grid = config.width, config.image_size // config.patch_size
        self.config = config
        self.conv1 = nn.Conv2d(3, width, config.patch_size, config.patch_size, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(1 + grid * grid, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, config.layers, config.heads, config.mlp_ratio)
        self.ln_post = nn.LayerNorm(width)
        self.attn_pool = AttentionPool(width, config.attn_pooler_heads)
        self.proj = nn.Parameter(torch.empty(width, config.output_dim))
        angles = rotary_angles(grid, width // config.heads).repeat_interleave(2, dim=1)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def rotate(self, x):
        even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
        return x * self.cos + torch.stack([-odd, even], dim=-1).flatten(-2) * self.sin

    def tokens(self, pixels):
        """What the last block leaves [B, 1 + grid^2, D], class token first, of pixels [B, 3, S, S] in -1 to 1."""
        p = self.config.patch_size
        grid = self.config.image_size // p
        patches = pixels.unflatten(3, (grid, p)).unflatten(2, (grid, p)).permute(0, 2, 4, 1, 3, 5)
        x = F.linear(patches.reshape(len(pixels), grid * grid, -1), self.conv1.weight.flatten(1))
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1) + self.positional_embedding
        return self.transformer(self.ln_pre(x), rotate=self.rotate)

    def forward(self, pixels):
        """Embeddings [B, E], not normalised."""
        return self.attn_pool(self.ln_post(self.tokens(pixels))) @ self.proj


class PECore(nn.Module):
    """Both towers; as in the official checkpoints, the text tower sits at the top level."""

    def __init__(self, vision: VisionConfig, text: TextConfig):
        super().__init__()
        self.text_config = text
        self.visual = VisionTower(vision)
        self.token_embedding = nn.Embedding(text.vocab_size, text.width)
        self.positional_embedding = nn.Parameter(torch.empty(text.context_length, text.width))
        self.transformer = Transformer(text.width, text.layers, text.heads, text.mlp_ratio)
        self.ln_final = nn.LayerNorm(text.width)
        self.text_projection = nn.Parameter(torch.empty(text.width, text.output_dim))
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def encode_image(self, pixels):
        return F.normalize(self.visual(pixels), dim=-1)

    def encode_text(self, ids):
        """Unit-length embeddings [B, E] of token ids [B, L], L at most the context length.

        The causal mask lets sequences be cut after the last end-of-text token, the largest id.
        """
        x = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        x = self.ln_final(self.transformer(x, causal=True))
        x = x[torch.arange(len(ids)), ids.argmax(dim=1)]
        return F.normalize(x @ self.text_projection, dim=-1)


@torch.no_grad()
def initialise(model: PECore, seed: int):
    """Xavier-uniform matrices, residual outputs divided by sqrt(2 L), and larger tables than usual.

    A small model on a short schedule does not start learning from the usual 0.02 normals.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        layers = len((model.visual if name.startswith("visual.") else model).transformer.resblocks)
        if name.endswith("conv1.weight"):
            nn.init.xavier_uniform_(p.view(p.shape[0], -1), generator=generator)
            p.mul_(2)
        elif name.endswith("in_proj_weight"):
            for part in p.chunk(3):
                nn.init.xavier_uniform_(part, generator=generator)
        elif name.endswith("token_embedding.weight"):
            p.normal_(0, 0.3, generator=generator)
        elif name.endswith(("positional_embedding", "class_embedding")):
            p.normal_(0, 0.1, generator=generator)
        elif name.endswith("probe"):
            p.normal_(0, 1, generator=generator)
        elif p.ndim == 2:
            nn.init.xavier_uniform_(p, generator=generator)
            if "resblocks" in name and name.endswith(("out_proj.weight", "c_proj.weight")):
                p.div_(math.sqrt(2 * layers))
        elif name.endswith("bias"):
            p.zero_()
