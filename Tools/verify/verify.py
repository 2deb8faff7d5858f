"""Compares PyTorch (float32) and Percept on the same pictures: embeddings of encoders, answers of language models. Started
by Tools/verify-model."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from language import verify_language_model
from language_models import LANGUAGE_MODELS, find_language_model
from models import MODELS
from photos import PROMPTS, default_pictures, pictures_in
from random_checkpoint import assert_every_part_matters, write_random_checkpoint
from random_language import write_random_language_model
from towers import BadCheckpoint, embed_images, embed_texts, find_checkpoint, load_towers

ROOT = Path(__file__).resolve().parents[2]
PERCEPT = ROOT / ".build" / "release" / "percept"
# precision: (largest relative L2 error, smallest cosine)
BOUNDS = {"f32": (1e-5, 0.99999), "f16": (3e-3, 0.99999), "bf16": (2e-2, 0.9998)}


def arguments():
    parser = argparse.ArgumentParser(
        prog="Tools/verify-model", description="The same pictures through PyTorch and Percept, at full size.")
    parser.add_argument("model", nargs="?", metavar="NAME|PATH", help="published model, checkpoint file or directory")
    parser.add_argument(
        "--random", choices=[*MODELS, *LANGUAGE_MODELS], metavar="NAME", help="random weights of this model instead")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="pictures to use instead of the built-in ones")
    parser.add_argument("--precision", choices=BOUNDS, default="f16")
    parser.add_argument("--device", help="Vulkan device, as for percept")
    options = parser.parse_args()
    if bool(options.model) == bool(options.random):
        parser.error("give either a model or --random NAME")
    return options


def random_checkpoint(name):
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "percept" / "random"
    path, write = (
        (cache / name, write_random_language_model) if name in LANGUAGE_MODELS
        else (cache / f"{name}.pt", write_random_checkpoint))
    if not path.exists():
        print(f"writing {path} with random weights", file=sys.stderr)
        write(name, path)
    return path


def build_percept():
    subprocess.run(
        ["swift", "build", "-c", "release", "--product", "percept"], cwd=ROOT, check=True, stdout=sys.stderr)


def percept_embeddings(checkpoint, options, files, prompts):
    """Percept's embeddings in the order given, and the name of its device."""
    command = [PERCEPT, "embed", "--model", checkpoint, "--precision", options.precision, "--json"]
    command += ["--device", options.device] if options.device else []
    for prompt in prompts:
        command += ["--text", prompt]
    answer = json.loads(subprocess.run([*command, *files], check=True, stdout=subprocess.PIPE).stdout)
    return torch.tensor([item["embedding"] for item in answer["items"]], dtype=torch.float64), answer["device"]


def print_table(sources, expected, actual, precision):
    """One line a source; true if all are within the precision's bounds."""
    error_bound, cosine_bound = BOUNDS[precision]
    expected = expected.double()
    errors = (actual - expected).norm(dim=1) / expected.norm(dim=1)
    cosines = torch.cosine_similarity(actual, expected, dim=1)
    print(f"{'source':48} {'cosine':>11} {'relative L2':>12}")
    passed = True
    for source, cosine, error in zip(sources, cosines.tolist(), errors.tolist()):
        within = error <= error_bound and cosine >= cosine_bound
        passed &= within
        print(f"{source[:48]:48} {cosine:11.8f} {error:12.2e}  {'pass' if within else 'FAIL'}")
    return passed


def verify_encoder(checkpoint, options):
    """True if every embedding is within the precision's bounds."""
    pictures = pictures_in(options.photos) if options.photos else default_pictures()
    if not pictures:
        raise BadCheckpoint(f"{options.photos}: no pictures in it")
    tower, text = load_towers(checkpoint)
    expected = embed_images(tower, list(pictures.values()))
    if options.random:
        print("cosine left without a part:", assert_every_part_matters(tower, pictures, expected), flush=True)
    prompts = list(PROMPTS) if text is not None else []
    if prompts:
        expected = torch.cat([expected, embed_texts(text, prompts)])

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.png" for name in pictures]
        for file, picture in zip(files, pictures.values()):
            picture.save(file)
        actual, device = percept_embeddings(checkpoint, options, files, prompts)
    print(f"{checkpoint.name}, {options.precision}, {device}")
    return print_table([*pictures, *prompts], expected, actual, options.precision)


def main():
    options = arguments()
    target = str(random_checkpoint(options.random)) if options.random else options.model
    folder = find_language_model(target)
    checkpoint = folder or find_checkpoint(target)
    build_percept()
    passed = verify_language_model(PERCEPT, folder, options) if folder else verify_encoder(checkpoint, options)
    print("pass" if passed else "FAIL: outside the bounds")
    return 0 if passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BadCheckpoint as problem:
        sys.exit(f"verify-model: {problem}")
    except AssertionError as problem:
        sys.exit(f"verify-model: these random weights prove nothing: {problem}")
    except subprocess.CalledProcessError as problem:
        sys.exit(f"verify-model: {problem.cmd[0]} ended with {problem.returncode}")
