"""Synthetic scenes and their captions: what the demo model is trained and tested on.

A one-kind scene shows one to five equal objects ("three red squares on the left"), a two-kind scene two objects
side by side or one above the other ("a blue star left of a green square"). Objects sit near a 5 x 5 lattice,
on plain, striped, dotted or photographic ground with gradients, specks and noise.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

SIZE = 80  # pixels of a scene as the model sees it
GRID = 5
CELL = SIZE // GRID
LARGE = 4  # a large rendering has LARGE * SIZE pixels
NOISE = 8.0  # largest standard deviation of a picture's noise, in levels

COLOURS = {
    "red": (212, 38, 42), "orange": (242, 136, 28), "yellow": (238, 218, 52), "green": (38, 158, 58),
    "blue": (42, 78, 212), "purple": (142, 48, 172), "white": (242, 242, 242), "black": (22, 22, 22),
}
SHAPES = {
    "circle": "circles", "square": "squares", "triangle": "triangles", "star": "stars",
    "heart": "hearts", "cross": "crosses", "diamond": "diamonds", "ring": "rings",
}
COUNTS = ["a", "two", "three", "four", "five"]
POSITIONS = ["on the left", "on the right", "at the top", "at the bottom", "in the centre"]
RELATIONS = [["left of", "right of"], ["above", "below"]]  # by axis: as drawn first to second, and reversed
PREFIXES = ["", "a photo of ", "a picture of ", "a drawing of "]

COLOUR_NAMES, SHAPE_NAMES = list(COLOURS), list(SHAPES)
ATTRIBUTES = ["colour", "shape", "count", "position"]
CHOICES = [len(COLOURS), len(SHAPES), len(COUNTS), len(POSITIONS)]


def held_out_combinations():
    """A tenth of the 320 (colour, shape, count) triples: four of each colour and shape, six or seven of each count."""
    counts = np.random.default_rng(20250417).permutation(np.arange(32) % len(COUNTS))
    pairs = [(c, s) for c in range(len(COLOURS)) for s in range(len(SHAPES)) if (c + s) % 2 == 0]
    return frozenset((c, s, int(n)) for (c, s), n in zip(pairs, counts))


HELD_OUT = held_out_combinations()


@dataclass(frozen=True)
class OneKind:
    """What a caption says of a one-kind scene: indices into the tables above; `position` None says nothing."""

    colour: int
    shape: int
    count: int
    position: int | None

    def combinations(self):
        return [(self.colour, self.shape, self.count)]

    def text(self):
        if self.count == 0:
            words = named(self.colour, self.shape)
        else:
            words = f"{COUNTS[self.count]} {COLOUR_NAMES[self.colour]} {SHAPES[SHAPE_NAMES[self.shape]]}"
        return words if self.position is None else f"{words} {POSITIONS[self.position]}"

    def changed(self, attribute: int, value: int):
        values = [self.colour, self.shape, self.count, self.position]
        values[attribute] = value
        return OneKind(*values)


@dataclass(frozen=True)
class TwoKind:
    """`first` and `second` are (colour, shape); the first is left of (axis 0) or above (axis 1) the second."""

    axis: int
    first: tuple[int, int]
    second: tuple[int, int]

    def combinations(self):
        return [(*self.first, 0), (*self.second, 0)]

    def text(self, reverse: bool):
        a, b = (self.second, self.first) if reverse else (self.first, self.second)
        return f"{named(*a)} {RELATIONS[self.axis][reverse]} {named(*b)}"


def named(colour: int, shape: int):
    article = "an" if COLOUR_NAMES[colour][0] in "aeiou" else "a"
    return f"{article} {COLOUR_NAMES[colour]} {SHAPE_NAMES[shape]}"


def vocabulary():
    """Every word of every caption."""
    parts = [*COLOURS, *SHAPES, *SHAPES.values(), *COUNTS, "an", *POSITIONS, *sum(RELATIONS, []), *PREFIXES]
    return sorted({word for part in parts for word in part.split()})


def trainable(meaning):
    return not any(c in HELD_OUT for c in meaning.combinations())


# --- drawing meanings from a generator -----------------------------------------------------------------------------


def random_one_kind(rng, held_out=False):
    while True:
        meaning = OneKind(*(int(rng.integers(n)) for n in CHOICES))
        if trainable(meaning) != held_out:
            return meaning


def random_two_kind(rng):
    """Two objects that differ in colour and in shape."""
    while True:
        colours = rng.permutation(len(COLOURS))[:2].tolist()
        shapes = rng.permutation(len(SHAPES))[:2].tolist()
        meaning = TwoKind(int(rng.integers(2)), (colours[0], shapes[0]), (colours[1], shapes[1]))
        if trainable(meaning):
            return meaning


def neighbours_one_kind(rng, meaning, attribute, number):
    """`number` meanings that differ from `meaning` in the one attribute."""
    old = (meaning.colour, meaning.shape, meaning.count, meaning.position)[attribute]
    values = [v for v in rng.permutation(CHOICES[attribute]).tolist() if v != old]
    return [meaning.changed(attribute, v) for v in values[:number]]


def neighbours_two_kind(rng, meaning):
    """Wrong meanings close to a two-kind one: colours swapped, relations changed, one colour or shape changed."""
    (c1, s1), (c2, s2) = meaning.first, meaning.second
    axis = meaning.axis
    near = [
        TwoKind(axis, (c2, s1), (c1, s2)),
        TwoKind(axis, meaning.second, meaning.first),
        TwoKind(1 - axis, meaning.first, meaning.second),
        TwoKind(1 - axis, meaning.second, meaning.first),
    ]
    for new in [c for c in rng.permutation(len(COLOURS)).tolist() if c not in (c1, c2)][:2]:
        near += [TwoKind(axis, (new, s1), (c2, s2)), TwoKind(axis, (c1, s1), (new, s2))]
    for new in [s for s in rng.permutation(len(SHAPES)).tolist() if s not in (s1, s2)][:2]:
        near += [TwoKind(axis, (c1, new), (c2, s2)), TwoKind(axis, (c1, s1), (c2, new))]
    return near


def differing(a, b):
    """The names of the attributes in which two meanings of one kind differ."""
    if isinstance(a, OneKind):
        return [name for name in ATTRIBUTES if getattr(a, name) != getattr(b, name)]
    if (a.axis, a.first, a.second) == (b.axis, b.second, b.first):
        return ["order"]
    found = ["axis"] if a.axis != b.axis else []
    pairs = list(zip(a.first + a.second, b.first + b.second))
    if (a.first[0], a.second[0]) == (b.second[0], b.first[0]):
        found.append("colours swapped")
    else:
        found += ["colour"] * any(x != y for x, y in pairs[::2])
    if (a.first[1], a.second[1]) == (b.second[1], b.first[1]):
        found.append("shapes swapped")
    else:
        found += ["shape"] * any(x != y for x, y in pairs[1::2])
    return found


def candidates(rng, meaning, number=32):
    """`number` meanings in random order, exactly one of them true, their captions, and the index of the true one."""
    if isinstance(meaning, OneKind):
        wrong = [m for a in range(4) for m in neighbours_one_kind(rng, meaning, a, 3)]
        while len(wrong) < number - 1:
            other = OneKind(*(int(rng.integers(n)) for n in CHOICES))
            if len(differing(other, meaning)) > 1 and other not in wrong:
                wrong.append(other)
        texts = [m.text() for m in [meaning, *wrong]]
    else:
        wrong = neighbours_two_kind(rng, meaning)
        while len(wrong) < number - 1:
            other = random_two_kind(rng)
            if other != meaning and other not in wrong:
                wrong.append(other)
        texts = [m.text(bool(rng.integers(2))) for m in [meaning, *wrong]]
    order = rng.permutation(number)
    meanings = [meaning, *wrong]
    return [meanings[i] for i in order], [texts[i] for i in order], int(np.argmin(order))


# --- layout --------------------------------------------------------------------------------------------------------


def cells(rng, meaning):
    """The lattice cells (row, column) of each object, in the order of its kinds."""
    if isinstance(meaning, TwoKind):
        line = int(rng.integers(GRID))
        low, high = sorted(rng.permutation(GRID)[:2].tolist())
        return [(line, low), (line, high)] if meaning.axis == 0 else [(low, line), (high, line)]
    number = meaning.count + 1
    if meaning.position == 4:
        ring = [(r, c) for r in (1, 2, 3) for c in (1, 2, 3) if (r, c) != (2, 2)]
        return [(2, 2)] + [ring[i] for i in rng.permutation(8)[: number - 1]]
    # The outer line of the side holds at least half of the objects, the next line the others; no corners.
    outer = int(rng.integers((number + 1) // 2, min(number, 3) + 1))
    chosen = [(0, int(i) + 1) for i in rng.permutation(3)[:outer]]
    chosen += [(1, int(i) + 1) for i in rng.permutation(3)[: number - outer]]
    side = meaning.position
    placed = [(GRID - 1 - d if side in (1, 3) else d, along) for d, along in chosen]
    return [(along, d) if side in (0, 1) else (d, along) for d, along in placed]


@dataclass(frozen=True)
class Object:
    shape: int
    colour: tuple[int, int, int]
    size: int  # index into SIZES
    angle: int  # index into ANGLES
    x: int  # centre, in quarter pixels
    y: int


SIZES = np.arange(10.0, 15.1, 0.5)
ANGLES = np.arange(-12.0, 12.1, 3.0)


def objects(rng, meaning):
    kinds = ([(meaning.colour, meaning.shape)] * (meaning.count + 1) if isinstance(meaning, OneKind)
             else [meaning.first, meaning.second])
    base = int(rng.integers(1, len(SIZES) - 1))
    result = []
    for (colour, shape), (row, column) in zip(kinds, cells(rng, meaning)):
        pure = COLOURS[COLOUR_NAMES[colour]]
        tint = tuple(min(max(v + d, 0), 255) for v, d in zip(pure, rng.integers(-14, 15, 3).tolist()))
        jitter = rng.integers(-6, 7, 2)
        result.append(Object(
            shape, tint, base + int(rng.integers(-1, 2)), int(rng.integers(len(ANGLES))),
            (column * CELL + CELL // 2) * LARGE + int(jitter[0]), (row * CELL + CELL // 2) * LARGE + int(jitter[1])))
    return result


# --- pixels --------------------------------------------------------------------------------------------------------


def outline(shape: str):
    """Polygons of a shape of unit diameter around the origin, y down; points of the second are cut out."""
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1) / 2
    if shape == "circle":
        return [circle]
    if shape == "ring":
        return [circle, circle * 0.52]
    if shape == "square":
        return [np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * 0.44]
    if shape == "diamond":
        return [np.array([(0, -0.56), (0.42, 0), (0, 0.56), (-0.42, 0)])]
    if shape == "triangle":
        return [np.array([(0, -0.5), (0.54, 0.45), (-0.54, 0.45)])]
    if shape == "star":
        spike = np.arange(10) * np.pi / 5 - np.pi / 2
        return [np.stack([np.cos(spike), np.sin(spike)], 1) * np.where(np.arange(10) % 2, 0.23, 0.58)[:, None]]
    if shape == "cross":
        a, b = 0.17, 0.52
        return [np.array([(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a),
                          (a, b), (-a, b), (-a, a), (-b, a), (-b, -a), (-a, -a)])]
    x = 16 * np.sin(turn) ** 3
    y = -(13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn))
    return [np.stack([x, y + 2], 1) / 31]


@lru_cache(maxsize=None)
def large_mask(shape: int, size: int, angle: int):
    """Coverage [96, 96] (0 to 255) of an object in large pixels, centred at (48, 48)."""
    over, side = 4, 96
    image = Image.new("L", (side * over, side * over))
    pen = ImageDraw.Draw(image)
    t = np.deg2rad(ANGLES[angle])
    turn = np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]])
    for i, polygon in enumerate(outline(SHAPE_NAMES[shape])):
        points = (polygon @ turn * SIZES[size] * LARGE + side / 2) * over
        pen.polygon([tuple(p) for p in points.tolist()], fill=0 if i else 255)
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))


@lru_cache(maxsize=None)
def small_mask(shape: int, size: int, angle: int, dx: int, dy: int):
    """Coverage [24, 24, 1] (0 to 1) at scene size, moved by (dx, dy) quarter pixels."""
    moved = np.roll(large_mask(shape, size, angle), (dy, dx), axis=(0, 1))
    small = Image.fromarray(moved).resize((24, 24), Image.Resampling.BILINEAR)
    return (np.asarray(small, np.float32) / 255)[..., None]


def paint(canvas, mask, colour, x, y):
    """Blends `colour` into float `canvas` [H, W, 3] where `mask`, its corner at (x, y), covers it."""
    h, w = mask.shape[:2]
    y0, x0, y1, x1 = max(y, 0), max(x, 0), min(y + h, len(canvas)), min(x + w, canvas.shape[1])
    part = mask[y0 - y : y1 - y, x0 - x : x1 - x]
    target = canvas[y0:y1, x0:x1]
    target += part * (np.array(colour, np.float32) - target)


@lru_cache(maxsize=1)
def photographs():
    """Photographs that the scikit-image package carries: NASA's is in the public domain, the others are CC0."""
    from skimage import data
    return [Image.fromarray(p) for p in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket())]


def background(rng):
    """A ground of LARGE * SIZE pixels, float [S, S, 3]: muted, of low contrast, without anything like an object."""
    side = SIZE * LARGE
    base = rng.uniform(85, 175) + rng.uniform(-22, 22, 3)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    ground = np.broadcast_to(base, (side, side, 3)).astype(np.float32)
    kind = rng.choice(["plain", "striped", "dotted", "photograph"], p=[0.35, 0.25, 0.2, 0.2])
    other = rng.uniform(-26, 26) + rng.uniform(-8, 8, 3)
    if kind == "striped":
        t = rng.uniform(0, np.pi)
        wave = np.sin((x * np.cos(t) + y * np.sin(t)) * rng.uniform(4, 14) * 2 * np.pi + rng.uniform(0, 6.3))
        ground = ground + np.clip(wave * 3, -1, 1)[..., None] * other / 2
    elif kind == "dotted":
        n = rng.uniform(6, 14)
        distance = np.hypot((x * n + rng.uniform()) % 1 - 0.5, (y * n + rng.uniform()) % 1 - 0.5)
        ground = ground + (distance < rng.uniform(0.15, 0.3))[..., None] * other
    elif kind == "photograph":
        photo = photographs()[int(rng.integers(len(photographs())))]
        part = int(rng.uniform(0.3, 1) * min(photo.size))
        left, top = int(rng.integers(photo.width - part + 1)), int(rng.integers(photo.height - part + 1))
        crop = photo.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, left + part, top + part))
        crop = np.asarray(crop, np.float32)
        grey = crop.mean(axis=2, keepdims=True)
        crop = grey + 0.5 * (crop - grey)
        ground = ground + (crop - crop.mean()) * min(1.0, rng.uniform(14, 30) / (crop.std() + 1))
    t = rng.uniform(0, 2 * np.pi)
    slope = ((x - 0.5) * np.cos(t) + (y - 0.5) * np.sin(t)) * rng.uniform(0, 45)
    ground = ground + slope[..., None]
    for _ in range(int(rng.integers(0, 12))):
        r = int(rng.integers(2, 6))
        cx, cy = rng.integers(0, side, 2)
        ground[max(cy - r, 0) : cy + r, max(cx - r, 0) : cx + r] += rng.uniform(-60, 60, 3)
    return np.clip(ground, 40, 215)


def squash(image):
    """Float [S, S, 3] of a large image as the encoder's preprocessing would make it."""
    small = Image.fromarray(np.round(image).astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float32)


def draw(rng, meaning, large=False, noise=NOISE):
    """A new picture of `meaning`: uint8 [80, 80, 3], or [320, 320, 3] if `large`."""
    canvas = background(rng)
    placed = objects(rng, meaning)
    if large:
        paint_large(canvas, placed)
    else:
        canvas = squash(canvas)
        paint_small(canvas, placed)
    canvas = canvas + rng.normal(0, rng.uniform(0, noise), canvas.shape)
    return np.clip(np.round(canvas), 0, 255).astype(np.uint8)


def paint_large(canvas, placed):
    for o in placed:
        mask = large_mask(o.shape, o.size, o.angle).astype(np.float32)[..., None] / 255
        paint(canvas, mask, o.colour, o.x - 48, o.y - 48)


def paint_small(canvas, placed):
    for o in placed:
        mask = small_mask(o.shape, o.size, o.angle, o.x % LARGE, o.y % LARGE)
        paint(canvas, mask, o.colour, o.x // LARGE - 12, o.y // LARGE - 12)


@dataclass(frozen=True)
class Example:
    kind: str
    picture: np.ndarray
    meanings: list  # what each caption says
    captions: list[str]
    answer: int  # index of the one true caption


KINDS = ["one", "held-out", "two"]  # one-kind of trained combinations, of held-out combinations, two-kind


def example(kind: str, seed: int, index: int, large=False):
    """Test example `index` of a seed: a picture and its captions; `large` draws the same scene at 320 pixels."""
    rng = np.random.default_rng([seed, KINDS.index(kind), index])
    meaning = random_two_kind(rng) if kind == "two" else random_one_kind(rng, held_out=kind == "held-out")
    meanings, texts, answer = candidates(rng, meaning)
    return Example(kind, draw(rng, meaning, large), meanings, texts, answer)


def examples(kind: str, number: int, seed: int, large=False):
    return [example(kind, seed, index, large) for index in range(number)]
