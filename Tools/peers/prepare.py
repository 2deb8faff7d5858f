"""Makes what the engines start from: seeded random weights of a model, a picture, PyTorch's answer in float32, and the
model in each engine's form. Usage: prepare.py MODEL FOLDER; what is there already is kept."""

import json
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

TOOLS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOOLS / "verify"), str(TOOLS / "fixtures")]
from models import MODELS  # noqa: E402
from official import vision_shapes  # noqa: E402
from photos import clouds  # noqa: E402
from random_checkpoint import centre_vision, random_tensor  # noqa: E402
from tower import Tower  # noqa: E402
from towers import build_towers, pixels  # noqa: E402


def random_state(name):
    """The image tower's weights by official names; the same every time."""
    config, _ = MODELS[name]
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    shapes = {f"visual.{key}": shape for key, shape in vision_shapes(config).items()}
    return {key: random_tensor(key, shape, generator) for key, shape in sorted(shapes.items())}


@torch.no_grad()
def write_model(name, folder):
    """tower.pt and tower.json (for Percept), image.png, input.npy [1, 3, S, S], expected.npy [1, E], tower.npz (for ggml),
    tower.torchscript and tower-f32.onnx. The formulation that is exported must give what timm's does."""
    config, _ = MODELS[name]
    state = random_state(name)
    reference, _ = build_towers(state, config, None)
    centre_vision(state, reference, config["layers"])
    size = config["image_size"]
    image = clouds(7, size, size)
    x = pixels(reference, [image])
    expected = reference(x)
    tower = Tower(config, {key.removeprefix("visual."): value for key, value in state.items()}).eval()
    difference = float((tower(x) - expected).norm() / expected.norm())
    if difference > 1e-5:
        sys.exit(f"{name}: the exported formulation is off by {difference:.1e} from timm's")
    torch.save(state, folder / "tower.pt")
    (folder / "tower.json").write_text(json.dumps({"vision": config}))
    image.save(folder / "image.png")
    np.save(folder / "input.npy", x.numpy())
    np.save(folder / "expected.npy", expected.numpy())
    np.savez(
        folder / "tower.npz", heads=config["heads"], pool_heads=config["attn_pooler_heads"],
        **{key: value.numpy() for key, value in tower.state_dict().items()})
    torch.jit.trace(tower, x).save(folder / "tower.torchscript")
    torch.onnx.export(
        tower, (x,), folder / "tower-f32.onnx", input_names=["pixels"], output_names=["embedding"], opset_version=18,
        dynamo=False)


def write_onnx_f16(folder):
    """tower-f16.onnx: weights and arithmetic in f16, input and output in f32."""
    model = onnx.load(folder / "tower-f32.onnx")
    converted = OnnxModel(convert_float_to_float16(model, keep_io_types=True))
    converted.topological_sort()  # IREE's importer insists on it
    onnx.save(converted.model, folder / "tower-f16.onnx")


def write_ncnn(folder):
    """tower.ncnn.param and .bin, in f32: ncnn narrows weights when it loads them."""
    side = np.load(folder / "input.npy").shape[-1]
    tool = Path(sys.executable).with_name("pnnx")
    subprocess.run(
        [tool, "tower.torchscript", f"inputshape=[1,3,{side},{side}]", "fp16=0"], cwd=folder, check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# The compiler knows no CPU driver, and its layer normalisation asks for more shared memory than the 32 KiB that those
# promise; llvmpipe gives it all the same.
IREE_TARGET = (
    '#iree_gpu.target<arch = "cpu", features = "spirv:v1.6,cap:Shader", wgp = <compute = '
    "fp32|fp16|int64|int32|int16|int8, storage = b64|b32|b16|b8, subgroup = shuffle|arithmetic, subgroup_size_choices = "
    "[8], max_workgroup_sizes = [1024, 1024, 1024], max_thread_count_per_workgroup = 1024, max_workgroup_memory_bytes = "
    "524288, max_workgroup_counts = [65535, 65535, 65535]>>")


def write_iree(folder, precision):
    """tower-PRECISION.vmfb; takes minutes."""
    tools = Path(sys.executable).parent
    source = folder / f"iree-{precision}.mlir"
    subprocess.run(
        [tools / "iree-import-onnx", folder / f"tower-{precision}.onnx", "--opset-version", "18", "-o", source], check=True)
    executable = f'#hal.executable.target<"vulkan-spirv", "vulkan-spirv-fb", {{iree_codegen.target_info = {IREE_TARGET}}}>'
    text = source.read_text()
    source.write_text(text.replace(
        "module {",
        f'module attributes {{hal.device.targets = [#hal.device.target<"vulkan", [{executable}]> : !hal.device]}} {{', 1))
    result = folder / f"tower-{precision}.vmfb"
    partial = result.with_suffix(".partial")
    with open(folder / f"iree-{precision}.log", "wb") as log:
        subprocess.run([tools / "iree-compile", source, "--iree-opt-level=O3", "-o", partial], check=True, stderr=log)
    partial.rename(result)


def attempt(folder, mark, title, step, *arguments):
    """Runs a step whose result is `mark`, unless it has run; if an engine's own tools fail, `mark`.failed says how."""
    failed = folder / f"{mark}.failed"
    if (folder / mark).exists() or failed.exists():
        return
    print(f"preparing {title}", file=sys.stderr, flush=True)
    try:
        step(folder, *arguments)
    except Exception as problem:
        text = f"{Path(problem.cmd[0]).name} fails" if isinstance(problem, subprocess.CalledProcessError) else repr(problem)
        failed.write_text(text)
        print(f"  {text}", file=sys.stderr, flush=True)


def main():
    name, folder = sys.argv[1], Path(sys.argv[2])
    if not folder.exists():
        print(f"preparing {name}", file=sys.stderr, flush=True)
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write_model(name, partial)
        partial.rename(folder)
    attempt(folder, "tower-f16.onnx", f"{name} for ONNX Runtime in f16", write_onnx_f16)
    attempt(folder, "tower.ncnn.bin", f"{name} for ncnn", write_ncnn)
    for precision in ("f32", "f16"):
        attempt(folder, f"tower-{precision}.vmfb", f"{name} for IREE in {precision}", write_iree, precision)


if __name__ == "__main__":
    main()
