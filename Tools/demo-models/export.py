"""Exports a trained demo model: official tensor names, fp16, one safetensors file and its side JSON.

    python export.py runs/demo/checkpoint.pt ../../Sources/CPerceptData/demo

The captions' rows go back into the full CLIP vocabulary; rows that no caption uses are zero. Before anything is
written, both towers are compared with timm's and open_clip's on the weights to be written.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import open_clip.transformer
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from timm.models.eva import checkpoint_filter_fn

import inputs
import scenes
from model import PECore, TextConfig, VisionConfig

TOLERANCE = 1e-5
WEIGHTS, CONFIG = "demo.safetensors", "demo.json"


def full_state(checkpoint: Path):
    """Official names and fp16 tensors, with the full vocabulary."""
    state = torch.load(checkpoint)["model"]
    table = torch.zeros(TextConfig().vocab_size, TextConfig().width)
    table[inputs.used_ids()] = state["token_embedding.weight"]
    state["token_embedding.weight"] = table
    return {name: tensor.half().contiguous() for name, tensor in state.items()}


def full_model(state):
    """The model in fp32 of a state as `full_state` returns it or a file holds it."""
    model = PECore(VisionConfig(), TextConfig())
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    return model.eval()


def load(folder: Path):
    return full_model(load_file(folder / WEIGHTS))


@torch.no_grad()
def differences(model: PECore):
    """The largest differences of unit-length embeddings to timm's vision tower and open_clip's text tower."""
    vision, text = model.visual.config, model.text_config
    grid = vision.image_size // vision.patch_size
    other = timm.create_model(
        "vit_pe_core_tiny_patch16_384", img_size=vision.image_size, embed_dim=vision.width, depth=vision.layers,
        num_heads=vision.heads, num_classes=vision.output_dim, ref_feat_shape=(grid, grid)).eval()
    named = {f"visual.{name}": tensor for name, tensor in model.visual.state_dict().items()}
    other.load_state_dict(checkpoint_filter_fn(named, other))
    examples = scenes.examples("one", 8, seed=0)
    pixels = inputs.pixels([e.picture for e in examples])
    image = (F.normalize(other(pixels), dim=-1) - model.encode_image(pixels)).abs().max().item()

    other = open_clip.transformer.TextTransformer(
        text.context_length, text.vocab_size, text.width, text.heads, text.layers, text.mlp_ratio,
        output_dim=text.output_dim).eval()
    names = {name for name, _ in other.named_parameters()}
    other.load_state_dict({n: t for n, t in model.state_dict().items() if n in names}, strict=False)
    texts = examples[0].captions
    ours = model.encode_text(inputs.tokens(texts, cut=False))
    theirs = F.normalize(other(inputs.TOKENIZER(texts)), dim=-1)
    return image, (theirs - ours).abs().max().item()


def config():
    """Field names of the reference's configuration files."""
    vision = dataclasses.asdict(VisionConfig()) | {
        "ls_init_value": None, "use_abs_posemb": True, "use_cls_token": True, "use_rope2d": True, "pool_type": "attn",
        "use_ln_pre": True, "use_ln_post": True}
    return {"vision": vision, "text": dataclasses.asdict(TextConfig())}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    state = full_state(arguments.checkpoint)
    image, text = differences(full_model(state))
    print(f"largest difference to timm {image:.1e}, to open_clip {text:.1e}")
    if max(image, text) > TOLERANCE:
        raise SystemExit(f"a tower differs from its second implementation by more than {TOLERANCE}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    save_file(state, arguments.folder / WEIGHTS)
    (arguments.folder / CONFIG).write_text(json.dumps(config(), indent=2) + "\n")
    print(f"{(arguments.folder / WEIGHTS).stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
