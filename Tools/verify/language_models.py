"""PyTorch side of language models: finding a checkpoint, the prompt's ids, pixels, and transformers' logits, float32."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from transformers import PerceptionLMForConditionalGeneration
from transformers.utils import logging

from models import LANG_G, LANG_L
from towers import BadCheckpoint

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fixtures"))
from plm import model  # noqa: E402

SYSTEM = (
    "You are a helpful language and vision assistant. You are able to understand the visual content that the user "
    "provides, and assist the user with a variety of tasks using natural language.")
STOPS = ("<|eot_id|>", "<|end_of_text|>")

# perception_models: apps/plm/configs/stage_3.
LANGUAGE_MODELS = {
    "PLM-1B": model(2048, 16, 32, 8, 128256, True, LANG_L, factor=32, multiplier=1.5, multiple=256),
    "PLM-3B": model(3072, 28, 24, 8, 128256, True, LANG_L, factor=32, multiplier=1.0, multiple=256),
    "PLM-8B": model(4096, 32, 32, 8, 128256, False, LANG_G, multiplier=1.3, multiple=1024),
}
for _config in LANGUAGE_MODELS.values():
    _config["language"]["max_seqlen"] = 11520


def known_name(target):
    """`PLM-1B` of that or of `Perception-LM-1B`, in any case, with or without owner; None of anything else."""
    wanted = target.rsplit("/", 1)[-1].lower()
    return next((name for name in LANGUAGE_MODELS if wanted in (name.lower(), f"perception-lm-{name[4:]}".lower())), None)


def find_language_model(target):
    """The directory of a language model in transformers' layout that `target` names; None where it names something else."""
    path = Path(target)
    if path.is_dir() and (path / "params.json").exists():
        raise BadCheckpoint(f"{path}: is in the original's layout; transformers reads its own only")
    if path.exists():
        config = path / "config.json"
        described = json.loads(config.read_text()) if config.is_file() else {}
        return path if described.get("model_type") == "perception_lm" else None
    name = known_name(target)
    if name is None:
        return None
    published = f"Perception-LM-{name[4:]}"
    hub = Path(os.environ.get("HF_HOME", Path.home() / ".cache/huggingface")) / "hub"
    roots = [Path(os.environ[variable]) for variable in ("PERCEPT_MODELS",) if variable in os.environ]
    places = [root / folder for root in roots for folder in (name, published)]
    places += sorted(hub.glob(f"models--facebook--{published}/snapshots/*"))
    for place in places:
        if (place / "config.json").exists():
            return place
    raise BadCheckpoint(f"{name}: not in $PERCEPT_MODELS nor in {hub}; fetch it with `percept pull {name}`")


class LanguageModel:
    """A checkpoint's prompts; `load` brings its weights in."""

    def __init__(self, folder):
        config = json.loads((folder / "config.json").read_text())
        tower = config["vision_config"]["model_args"]
        side = tower["img_size"]
        self.folder = folder
        self.side = side[0] if isinstance(side, list) else side
        patch = tower.get("patch_size", 14)
        self.image_tokens = (self.side // patch // config["projector_pooling_ratio"]) ** 2
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.stops = [self.tokenizer.token_to_id(name) for name in STOPS]
        if self.tokenizer.token_to_id("<|image|>") != config["image_token_id"]:
            raise BadCheckpoint(f"{folder}: tokenizer.json and config.json have different ids for <|image|>")

    def load(self):
        logging.disable_progress_bar()
        self.network = PerceptionLMForConditionalGeneration.from_pretrained(self.folder, dtype=torch.float32).eval()

    def prompt(self, question):
        """Ids of `question` about one picture, up to where the model answers."""
        def turn(role, body=""):
            return f"<|start_header_id|>{role}<|end_header_id|>\n\n{body}"

        text = "<|begin_of_text|>" + turn("system", f"{SYSTEM}<|eot_id|>")
        text += turn("user", "<|image|>" * self.image_tokens + f"{question}<|eot_id|>") + turn("assistant")
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def pixels(self, picture):
        """[1,1,3,S,S]: Pillow's bicubic squash, then (v/255 - 0.5) / 0.5."""
        resized = picture.convert("RGB").resize((self.side, self.side), Image.Resampling.BICUBIC)
        values = (np.asarray(resized, np.float32) / 255 - 0.5) / 0.5
        return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))[None, None]

    @torch.no_grad()
    def logits(self, prompt, answer, pixels):
        """One row for each token of `answer` and one for the token after it, from a single pass over everything."""
        return self.network(
            input_ids=torch.tensor([prompt + answer]), pixel_values=pixels, use_cache=False,
            logits_to_keep=len(answer) + 1).logits[0]
