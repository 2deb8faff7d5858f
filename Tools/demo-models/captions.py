"""Questions and answers about scenes and short clips: what the demo captioner is trained and tested on.

A clip shows one to three equal objects that move, stand still, appear, disappear or change colour, with or without
another object that rests. Pictures are the scenes of `scenes.py`.
"""

from dataclasses import dataclass

import numpy as np

import scenes
from scenes import CELL, COLOUR_NAMES, GRID, LARGE, SHAPE_NAMES, SHAPES, OneKind, TwoKind, named

NUMBERS = ["one", "two", "three", "four", "five"]
DIRECTIONS = ["left", "right", "up", "down"]
MOVES = ["to the left", "to the right", "up", "down"]
EVENTS = ["left", "right", "up", "down", "still", "appears", "disappears", "turns"]
SHARES = [0.13, 0.13, 0.13, 0.13, 0.12, 0.11, 0.11, 0.14]  # of the clips
STILL, APPEARS, DISAPPEARS, TURNS = range(4, 8)
MOST = 3  # equal objects of a clip
FRAMES = (4, 8)  # fewest and most
RESTING = 0.4  # of the clips in which something happens show another object, which rests
SPEECH = 0.08  # of the questions start in lower case or lack their question mark


@dataclass(frozen=True)
class Clip:
    """`turned` is the colour after the change of a clip in which one happens; `other` a resting (colour, shape)."""

    colour: int
    shape: int
    count: int  # less one, as in OneKind
    event: int
    turned: int | None = None
    other: tuple[int, int] | None = None

    @property
    def moves(self):
        return self.event < STILL

    def combinations(self):
        found = [(self.colour, self.shape, self.count)]
        found += [] if self.turned is None else [(self.turned, self.shape, self.count)]
        return found + ([] if self.other is None else [(*self.other, 0)])

    def text(self):
        verb = "" if self.count else "s"
        what = OneKind(self.colour, self.shape, self.count, None).text()
        if self.moves:
            return f"{what} move{verb} {MOVES[self.event]}"
        if self.event == TURNS:
            return f"{what} turn{verb} {COLOUR_NAMES[self.turned]}"
        return f"{what} " + {STILL: "stand{} still", APPEARS: "appear{}", DISAPPEARS: "disappear{}"}[self.event].format(verb)


@dataclass(frozen=True)
class Question:
    type: str
    text: str
    answer: str


def random_clip(rng, held_out=False):
    while True:
        colour, shape, count = (int(rng.integers(n)) for n in (len(COLOUR_NAMES), len(SHAPE_NAMES), MOST))
        event = int(rng.choice(len(EVENTS), p=SHARES))
        colours = [c for c in rng.permutation(len(COLOUR_NAMES)).tolist() if c != colour]
        shapes = [s for s in rng.permutation(len(SHAPE_NAMES)).tolist() if s != shape]
        turned = colours[0] if event == TURNS else None
        other = (colours[1], shapes[0]) if event != STILL and rng.random() < RESTING else None
        clip = Clip(colour, shape, count, event, turned, other)
        if ((colour, shape, count) in scenes.HELD_OUT) if held_out else scenes.trainable(clip):
            return clip


# --- questions -----------------------------------------------------------------------------------------------------


def pick(rng, *choices):
    return choices[int(rng.integers(len(choices)))]


def spoken(rng, question):
    """Some questions as people type them."""
    text = question.text
    if rng.random() < SPEECH:
        text = text[0].lower() + text[1:]
    if rng.random() < SPEECH:
        text = text.rstrip("?.")
    return Question(question.type, text, question.answer)


def colour_word(rng):
    return "colour" if rng.random() < 0.7 else "color"


def noun(colour, shape, plural):
    return f"{COLOUR_NAMES[colour]} {SHAPES[SHAPE_NAMES[shape]] if plural else SHAPE_NAMES[shape]}"


def exists(rng, type, kinds):
    """Whether something is there: as often yes as no, and what is not there shares its colour or shape with what is."""
    colour, shape = kinds[int(rng.integers(len(kinds)))]
    answer = "yes"
    if rng.random() < 0.5:
        answer = "no"
        while (colour, shape) in kinds:
            if len(kinds) > 1 and rng.random() < 0.3:
                colour, shape = kinds[0][0], kinds[1][1]
            elif rng.random() < 0.5:
                colour = int(rng.integers(len(COLOUR_NAMES)))
            else:
                shape = int(rng.integers(len(SHAPE_NAMES)))
    return Question(type, pick(rng, f"Is there {named(colour, shape)}?", f"Are there any {noun(colour, shape, True)}?"), answer)


def describe(rng, media, text):
    asked = [f"Describe the {media}.", f"What is in the {media}?", "Describe what you see.", "Write a caption."]
    return Question("caption", pick(rng, *asked), text)


def one_kind_questions(rng, m):
    plural = m.count > 0
    shape, colour = SHAPE_NAMES[m.shape], COLOUR_NAMES[m.colour]
    verb, things = ("are", SHAPES[shape]) if plural else ("is", shape)
    objects = "objects" if plural else "object"
    counted = pick(rng, noun(m.colour, m.shape, True), SHAPES[shape], "objects", f"{colour} objects")
    return [
        Question("count", pick(rng, f"How many {counted} are there?", f"Count the {counted}."), NUMBERS[m.count]),
        Question("colour", f"What {colour_word(rng)} {verb} the {pick(rng, things, objects)}?", colour),
        Question("shape", f"What shape {verb} the {pick(rng, f'{colour} {objects}', objects)}?", shape),
        Question("position", f"Where {verb} the {pick(rng, f'{colour} {things}', things)}?", scenes.POSITIONS[m.position]),
        exists(rng, "yes or no", [(m.colour, m.shape)]),
        describe(rng, pick(rng, "picture", "image"), m.text()),
    ]


def two_kind_questions(rng, m):
    kinds = [m.first, m.second]
    i = int(rng.integers(2))
    (colour, shape), other = kinds[i], kinds[1 - i]
    relation = scenes.RELATIONS[m.axis][i]  # of this object to the other
    back = scenes.RELATIONS[m.axis][1 - i]
    said = relation if rng.random() < 0.5 else pick(rng, back, *scenes.RELATIONS[1 - m.axis])
    verify = Question("relation, yes or no", f"Is the {noun(colour, shape, False)} {said} the {noun(*other, False)}?",
                      "yes" if said == relation else "no")
    return [
        Question("relation", f"What is {back} the {noun(colour, shape, False)}?", named(*other)),
        Question("where", f"Where is the {noun(colour, shape, False)}?", f"{relation} the {noun(*other, False)}"),
        Question("colour", f"What {colour_word(rng)} is the {SHAPE_NAMES[shape]}?", COLOUR_NAMES[colour]),
        Question("shape", f"What shape is the {COLOUR_NAMES[colour]} object?", SHAPE_NAMES[shape]),
        verify,
        exists(rng, "yes or no", kinds),
        describe(rng, pick(rng, "picture", "image"), m.text(False)),
    ]


def clip_questions(rng, m):
    plural = m.count > 0
    colour, shape = COLOUR_NAMES[m.colour], SHAPE_NAMES[m.shape]
    things = noun(m.colour, m.shape, plural)
    be, do = ("are", "do") if plural else ("is", "does")
    what = OneKind(m.colour, m.shape, m.count, None).text()
    shapes = SHAPES[shape] if plural else shape
    asked = [describe(rng, pick(rng, "video", "clip"), m.text()) if rng.random() < 0.6
             else Question("caption", "What happens?", m.text()), exists(rng, "yes or no", [
                 (m.colour, m.shape), *([] if m.other is None else [m.other]),
                 *([] if m.turned is None else [(m.turned, m.shape)])])]
    # Whether it moves: as often yes as no over all clips.
    if m.moves or m.event in (STILL, TURNS):
        asked.append(Question("moves", f"{do.title()} the {things} move?", "yes" if m.moves else "no"))
    if m.moves:
        asked.append(Question("direction", pick(
            rng, f"Which way {do} the {things} move?", f"In which direction {do} the {shapes} move?",
            "Which way does it move?" if not plural else "Which way do they move?"), DIRECTIONS[m.event]))
        said = m.event if rng.random() < 0.5 else pick(rng, *(d for d in range(STILL) if d != m.event))
        asked.append(Question("direction, yes or no", f"{do.title()} the {things} move {MOVES[said]}?",
                              "yes" if said == m.event else "no"))
    if m.event in (TURNS, STILL, APPEARS) or m.moves:
        moving = what if m.moves else "nothing"
        asked.append(Question("what moves", "What moves?", moving))
    if m.other is None or rng.random() < 0.7:
        counted = pick(rng, SHAPES[shape], *([] if m.turned is not None else [noun(m.colour, m.shape, True)]),
                       *(["objects"] if m.other is None else []))
        asked.append(Question("count", f"How many {counted} are there?", NUMBERS[m.count]))
    else:
        asked.append(Question("count", "How many objects are there?", NUMBERS[m.count + 1]))
    if m.turned is None:
        moving = f"moving object{'s' if plural else ''}"
        asked.append(Question("colour", f"What {colour_word(rng)} {be} the {pick(rng, shapes, moving) if m.moves else shapes}?", colour))
        object = f"{colour} object{'s' if plural else ''}"
        asked.append(Question("shape", f"What shape {be} the {pick(rng, object, moving) if m.moves else object}?", shape))
    else:
        asked.append(Question("colour change", *pick(
            rng, (f"What {colour_word(rng)} {be} the {shapes} at the start?", colour),
            (f"What {colour_word(rng)} {be} the {shapes} at the end?", COLOUR_NAMES[m.turned]),
            (f"What {colour_word(rng)} {do} the {shapes} turn?", COLOUR_NAMES[m.turned]))))
    return asked


def questions(rng, meaning):
    """One question of each type that fits."""
    if isinstance(meaning, OneKind):
        asked = one_kind_questions(rng, meaning)
    else:
        asked = (two_kind_questions if isinstance(meaning, TwoKind) else clip_questions)(rng, meaning)
    return [spoken(rng, q) for q in asked]


# --- frames --------------------------------------------------------------------------------------------------------


def tinted(rng, colour):
    pure = scenes.COLOURS[COLOUR_NAMES[colour]]
    return tuple(min(max(v + d, 0), 255) for v, d in zip(pure, rng.integers(-14, 15, 3).tolist()))


def clip_objects(rng, m, frames):
    """The objects of each frame. What moves does so evenly, across at least a third of the picture."""
    number = m.count + 1
    unit = CELL * LARGE
    lanes = rng.permutation(GRID)[: number + 1].tolist()  # rows or columns; the last is the resting object's
    centres = []  # [objects][frames] of (along, across), quarter pixels
    t = np.arange(frames) / (frames - 1)
    if m.moves:
        distance = rng.uniform(1.7, 3.6) * unit
        start = rng.uniform(0.5 * unit, 4.5 * unit - distance)
        for lane in lanes[:number]:
            offset = np.clip(start + rng.uniform(-6, 6), 0.4 * unit, 4.6 * unit - distance)
            along = offset + distance * t
            if m.event in (0, 2):
                along = along[::-1]
            across = (lane + 0.5) * unit + rng.integers(-6, 7)
            centres.append([(x, across) if m.event < 2 else (across, x) for x in along])
        axis = 0 if m.event < 2 else 1
    else:
        axis = int(rng.integers(2))
        for lane in lanes[:number]:
            centre = ((rng.integers(GRID) + 0.5) * unit + rng.integers(-6, 7), (lane + 0.5) * unit + rng.integers(-6, 7))
            centres.append([centre[::-1] if axis else centre] * frames)
    base = int(rng.integers(1, len(scenes.SIZES) - 1))

    def looks(colour, shape):
        return shape, tinted(rng, colour), base + int(rng.integers(-1, 2)), int(rng.integers(len(scenes.ANGLES)))

    change = int(rng.integers(1, frames))  # the first frame after
    result = [[] for _ in range(frames)]
    for path in centres:
        look = looks(m.colour, m.shape)
        after = None if m.turned is None else tinted(rng, m.turned)
        for i, (x, y) in enumerate(path):
            if (m.event == APPEARS and i < change) or (m.event == DISAPPEARS and i >= change):
                continue
            shape, colour, size, angle = look
            result[i].append(scenes.Object(shape, after if after and i >= change else colour, size, angle,
                                           int(round(x)), int(round(y))))
    if m.other is not None:
        look = looks(*m.other)
        centre = ((rng.integers(GRID) + 0.5) * unit + rng.integers(-6, 7), (lanes[number] + 0.5) * unit + rng.integers(-6, 7))
        x, y = centre[::-1] if axis else centre
        for frame in result:
            frame.append(scenes.Object(*look, int(x), int(y)))
    return result


def draw(rng, meaning, large=False, noise=scenes.NOISE):
    """The pictures of an item, uint8 [F, 80, 80, 3] or [F, 320, 320, 3]: one, or a clip's frames on one ground."""
    if not isinstance(meaning, Clip):
        return scenes.draw(rng, meaning, large, noise)[None]
    ground = scenes.background(rng)
    if not large:
        ground = scenes.squash(ground)
    strength = rng.uniform(0, noise)
    result = []
    for placed in clip_objects(rng, meaning, int(rng.integers(FRAMES[0], FRAMES[1] + 1))):
        canvas = ground.copy()
        (scenes.paint_large if large else scenes.paint_small)(canvas, placed)
        canvas += rng.normal(0, strength, canvas.shape)
        result.append(np.clip(np.round(canvas), 0, 255).astype(np.uint8))
    return np.stack(result)


@dataclass(frozen=True)
class Item:
    kind: str
    meaning: OneKind | TwoKind | Clip
    pictures: np.ndarray  # uint8 [F, H, W, 3]
    questions: list[Question]


# Scenes and clips of trained combinations and of held-out ones.
KINDS = ["one", "one held out", "two", "clip", "clip held out"]


def item(kind: str, seed: int, index: int, large=False, noise=scenes.NOISE):
    rng = np.random.default_rng([seed, 100 + KINDS.index(kind), index])
    if kind == "two":
        meaning = scenes.random_two_kind(rng)
    else:
        make = scenes.random_one_kind if kind.startswith("one") else random_clip
        meaning = make(rng, held_out=kind.endswith("held out"))
    asked = questions(rng, meaning)
    return Item(kind, meaning, draw(rng, meaning, large, noise), asked)


def corpus(number=4000, seed=3):
    """Questions and answers to learn the tokens from."""
    rng = np.random.default_rng(seed)
    makers = (scenes.random_one_kind, scenes.random_two_kind, random_clip)
    for i in range(number):
        for q in questions(rng, makers[i % 3](rng)):
            yield q.text
            yield q.answer
