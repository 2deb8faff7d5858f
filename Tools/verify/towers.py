"""PyTorch side: a checkpoint as timm image tower and open_clip text tower, float32, and their unit-length embeddings."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import open_clip
import PIL
import timm
import torch
import torch.nn.functional as F
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image
from safetensors.torch import load_file

from models import MODELS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fixtures"))
from official import text_shapes, timm_tensors  # noqa: E402
from upstream import text_module, vision_module  # noqa: E402


class BadCheckpoint(Exception):
    """A checkpoint that cannot be found or read; its text names the file and the fault."""


def find_checkpoint(target):
    """`target` itself where it is a path, else the published file of that name in $PERCEPT_MODELS or the hub's cache."""
    path = Path(target)
    if path.exists():
        return path
    if target not in MODELS:
        raise BadCheckpoint(f"{target}: neither a file, a directory nor one of {', '.join(MODELS)}")
    roots = [Path(os.environ[name]) for name in ("PERCEPT_MODELS",) if name in os.environ]
    hub = Path(os.environ.get("HF_HOME", Path.home() / ".cache/huggingface")) / "hub"
    places = [root / f"{target}.pt" for root in roots] + [root / target for root in roots]
    places += sorted(hub.glob(f"models--facebook--{target}/snapshots/*/{target}.pt"))
    for place in places:
        if place.exists():
            return place
    raise BadCheckpoint(f"{target}: not in $PERCEPT_MODELS nor in {hub}; fetch it with `percept pull {target}`")


def configuration(path):
    """The towers' configurations of an official file: by its name, else from the JSON beside it."""
    if path.stem in MODELS:
        return MODELS[path.stem]
    side = path.with_suffix(".json")
    if not side.exists():
        raise BadCheckpoint(f"{path}: not the name of a published model, and there is no {side.name} beside it")
    fields = json.loads(side.read_text())
    defaults = dict(output_dim=None, image_size=224, ls_init_value=None, use_cls_token=False, pool_type="attn",
                    attn_pooler_heads=8, use_ln_post=True)
    return defaults | fields["vision"], fields.get("text")


def build_towers(state, vision_config, text_config):
    """Both towers from a state dict of official names, with or without the `visual.` prefix."""
    image = {name.removeprefix("visual."): value.numpy() for name, value in state.items() if name.startswith("visual.")}
    if not image:
        image = {name: value.numpy() for name, value in state.items()}
    tower = vision_module(vision_config, timm_tensors(image))
    text = text_module(text_config, {name: state[name] for name in text_shapes(text_config)}) if text_config else None
    return tower, text


def official_towers(path):
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    state = state.get("state_dict", state.get("weights", state))
    state = {name.replace("module.", ""): value.float() for name, value in state.items()}
    return build_towers(state, *configuration(path))


def timm_tower(folder):
    config = json.loads((folder / "config.json").read_text())
    model = timm.create_model(
        config["architecture"], num_classes=config["num_classes"], **config.get("model_args", {}))
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval().float()


def load_towers(path):
    """(timm image tower, open_clip text tower or None) of an official file, a timm or an open_clip directory."""
    if path.is_file():
        return official_towers(path)
    if (path / "open_clip_config.json").exists():
        model = open_clip.create_model(f"local-dir:{path}", precision="fp32").eval()
        return model.visual.trunk, model.text
    if (path / "config.json").exists():
        return timm_tower(path), None
    raise BadCheckpoint(f"{path}: neither open_clip_config.json nor config.json in it")


def pixels(tower, images):
    """[B,3,S,S]: PIL's bilinear squash to the tower's size, then (v/255 - 0.5) / 0.5.

    Needs Pillow 13: those before it resize the rows of every picture first, and a value that rounds the other way moves
    an embedding more than 16-bit storage does.
    """
    if int(PIL.__version__.split(".")[0]) < 13:
        raise SystemExit(f"Pillow 13 or later is needed, this is {PIL.__version__}")
    height, width = tower.patch_embed.img_size
    resized = [image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR) for image in images]
    batch = np.stack([np.asarray(image, np.float32) for image in resized]).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray((batch / 255 - 0.5) / 0.5))


def pooled_embedding(tower, tokens):
    """Unit-length embeddings of final tokens; a tower without pooling gives the mean of its patch tokens."""
    if tower.attn_pool is None:
        embedding = tokens[:, tower.num_prefix_tokens :].mean(1)
    else:
        embedding = tower.forward_head(tokens)
    return F.normalize(embedding, dim=-1)


@torch.no_grad()
def embed_images(tower, images):
    return torch.cat([pooled_embedding(tower, tower.forward_features(pixels(tower, [image]))) for image in images])


@torch.no_grad()
def embed_texts(text, prompts):
    return F.normalize(text(SimpleTokenizer(context_length=text.context_length)(prompts)), dim=-1)
