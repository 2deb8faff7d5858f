"""The pictures to compare on: scikit-image's freely licensed photographs, and generated ones."""

import numpy as np
import skimage.data
from PIL import Image, ImageOps

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
PROMPTS = (
    "a photo of a cat", "a cup of coffee on a table", "a rocket on its launch pad", "an astronaut in an orange suit",
    "Snow", "two red triangles left of a blue square, seen from above")


def clouds(seed, width, height):
    """Coloured noise with the falling spectrum of photographs, contrast and tint drawn from the seed."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)) + 1 / max(width, height)
    layers = []
    for _ in range(3):
        noise = np.fft.fft2(random.standard_normal((height, width))) / frequency ** random.uniform(0.8, 1.6)
        layer = np.fft.ifft2(noise).real
        layers.append((layer - layer.mean()) / layer.std())
    mix = random.standard_normal((3, 3)) * 0.5 + np.ones((3, 3)) * random.uniform(-0.6, 0.6)
    image = np.einsum("cd,dhw->hwc", mix, np.stack(layers)) * random.uniform(25, 60) + random.uniform(60, 190, 3)
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def stripes(width, height):
    y, x = np.mgrid[:height, :width]
    waves = [127 + 120 * np.sin(x / 9 + y / period) for period in (5, 17, 60)]
    return Image.fromarray(np.stack(waves, -1).astype(np.uint8))


def default_pictures():
    """Names and pictures; none is square by accident and one is wider than any model's input."""
    pictures = {name: Image.fromarray(getattr(skimage.data, name)()) for name in PHOTOGRAPHS}
    pictures |= {f"clouds-{seed}": clouds(seed, 320 + 60 * seed, 300) for seed in (1, 2, 3)}
    pictures["stripes"] = stripes(250, 410)
    return pictures


def pictures_in(folder):
    """Every picture Pillow opens in `folder`, upright and RGB."""
    pictures = {}
    for path in sorted(folder.iterdir()):
        try:
            pictures[path.stem] = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        except (OSError, SyntaxError):
            continue
    return pictures
