"""What the towers take: pixels of pictures, and token ids of captions in the full vocabulary or a cut one."""

from functools import lru_cache

import numpy as np
import torch
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image

import scenes

CONTEXT = 32
START, END = 49406, 49407
TOKENIZER = SimpleTokenizer(context_length=CONTEXT)


@lru_cache(maxsize=None)
def word_ids(word: str):
    return tuple(TOKENIZER.encode(word))


def used_ids():
    """The table rows that captions use, ascending; padding (0) is the first, end of text the last."""
    return sorted({0, START, END, *(i for word in scenes.vocabulary() for i in word_ids(word))})


CUT = {full: cut for cut, full in enumerate(used_ids())}


def tokens(texts, cut: bool):
    """Ids [B, L] of captions, L the longest of them; `cut` numbers them by `used_ids`."""
    rows = [[START, *(i for word in text.split() for i in word_ids(word)), END] for text in texts]
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    for target, row in zip(ids, rows):
        target[: len(row)] = [CUT[i] for i in row] if cut else row
    return torch.from_numpy(ids)


def pixels(pictures):
    """Normalised pixels [B, 3, S, S] of uint8 pictures [H, W, 3], squashed where they are larger."""
    side = (scenes.SIZE, scenes.SIZE)
    small = [p if p.shape[:2] == side else np.asarray(Image.fromarray(p).resize(side, Image.Resampling.BILINEAR))
             for p in pictures]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2) / 127.5 - 1
