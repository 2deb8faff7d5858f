"""Saves the small checkpoints of Tools/corpus/checkpoints, and what PyTorch itself reads from them.

    python Tools/corpus/save_checkpoints.py

Run by hand where PyTorch is (made with torch 2.13, safetensors 0.8 and numpy 2.4); Tools/test-corpus compares what
Percept reads with `expected.json` and needs neither. Every value follows from a formula.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy
import torch
from safetensors.torch import load_file, save_file

# Some files keep the path that they were written to, or that of this script: it must not tell whose machine it was.
os.chdir(os.path.dirname(os.path.abspath(__file__)))
sys.modules["__main__"].__file__ = os.path.basename(__file__)
out = "checkpoints"
fixtures = os.path.join("..", "..", "Tests", "CheckpointTests", "Fixtures", "models")
shutil.rmtree(out, ignore_errors=True)
os.makedirs(out)

names = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64",
    torch.int32: "i32", torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool",
}
expected = {}


def described(tensor):
    """Type, shape and hash of the elements in row-major order; no hash of a type that Percept does not read."""
    tensor = tensor.detach()
    foreign = tensor.layout != torch.strided or tensor.is_quantized or tensor.is_neg() or tensor.is_conj()
    if foreign or tensor.dtype not in names:
        return ["foreign", list(tensor.shape) if tensor.layout == torch.strided and not tensor.is_quantized else [], ""]
    data = tensor.as_subclass(torch.Tensor).contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return [names[tensor.dtype], list(tensor.shape), hashlib.sha256(data).hexdigest()]


def state(root):
    return {key: described(value) for key, value in root.items() if isinstance(value, torch.Tensor)}


def save(name, root, pick=lambda root: root, **options):
    """Saves a file, and notes what PyTorch reads from it: `pick` finds the named tensors in it."""
    torch.save(root, os.path.join(out, name), **options)
    loaded = torch.load(os.path.join(out, name), weights_only=False)
    expected[name] = {"tensors": state(pick(loaded))}


def refuse(name, *reasons):
    expected[name] = {"refused": reasons}


def formula(*shape, phase=0.0, dtype=torch.float32):
    count = int(numpy.prod(shape, dtype=numpy.int64))
    return torch.sin(0.37 * torch.arange(count, dtype=torch.float64) + phase).reshape(shape).to(dtype)


a, b = formula(3, 5), formula(4, phase=1)
plain = {"block.weight": a, "block.bias": b}

# Containers and protocols.

for protocol in (1, 2, 3, 4, 5):
    save(f"zip-protocol{protocol}.pt", plain, pickle_protocol=protocol)
for protocol in (2, 3, 4, 5):
    save(f"old-protocol{protocol}.pth", plain, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
save("ordered.bin", collections.OrderedDict(plain))
default = collections.defaultdict(list)
default.update(plain)
save("defaultdict.pt", default)


class Config(dict):
    """A dictionary under another name, as configuration libraries make them."""


save("subclass-of-dict.pt", Config(plain))
torch.serialization.set_crc32_options(False)
save("without-checksums.pt", plain)
torch.serialization.set_crc32_options(True)

# Element types, also those that no weight has.

types = {
    str(dtype).split(".")[1]: torch.tensor([0, 1, 2, 100]).to(dtype)
    for dtype in [*names, torch.uint16, torch.uint32, torch.uint64, torch.complex64, torch.complex128,
                  torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e8m0fnu]
}
save("types.pt", types)
# PyTorch does not read back what it writes of the others in the old format.
old_types = {key: value for key, value in types.items() if value.dtype in names or value.is_complex()}
save("types-old.pt", old_types, _use_new_zipfile_serialization=False)
parts = {
    "quantized": torch.quantize_per_tensor(a, 0.1, 10, torch.qint8), "sparse": a.to_sparse(),
    "negated": torch.imag(torch.complex(a, a).conj()), "weight": a,
}
save("no-plain-tensors.pt", parts)

# Views: strides, offsets, storages in common.

base = formula(6, 10, phase=2)
views = {
    "base": base, "transposed": base.t(), "rows": base[2:], "columns": base[:, 3:7], "step": base[::2, ::3],
    "row": base[4], "element": base[3, 3], "scalar": torch.tensor(2.5), "expanded": b[:, None].expand(4, 3),
    "empty": torch.zeros(0, 4), "permuted": formula(2, 3, 4).permute(2, 0, 1), "again": base,
    "diagonal": base.diagonal(), "overlapping": base.flatten().unfold(0, 8, 4),
    "half": formula(4, 4, dtype=torch.float16).t(), "brain": formula(5, 3, dtype=torch.bfloat16)[1:, ::2],
    "ones": formula(1, 7, 1).squeeze(0), "bools": (base > 0)[:, 1],
}
save("views.pt", views)
save("views-old.pt", views, _use_new_zipfile_serialization=False)

# What modules hold besides plain tensors.


class Marked(torch.Tensor):
    """A subclass, as libraries of images make them."""


parameter = torch.nn.Parameter(a.clone())
parameter.mark = 3
save("parameters.pt", {
    "parameter": torch.nn.Parameter(a.clone()), "marked": parameter, "buffer": torch.nn.Buffer(b.clone()),
    "subclass": a.clone().as_subclass(Marked), "graph": (a.clone().requires_grad_())})
norm = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
for key, value in norm.state_dict().items():
    value.copy_(formula(*value.shape, phase=3).to(value.dtype))
save("batch-norm.pt", norm.state_dict())

# What trainers write.

adam = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": formula(3, 5, phase=5)}},
        "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0]}]}
other = {key: value + 1 for key, value in plain.items()}
save("trainer.ckpt", {
    "epoch": 3, "global_step": 12, "pytorch-lightning_version": "2.5", "state_dict": plain, "optimizer_states": [adam],
    "loops": {"fit": {}}, "hyper_parameters": argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("/data")),
    "callbacks": {"best": numpy.float64(0.5), "seen": {1, 2}, "range": range(3), "complex": 1j}},
    lambda root: root["state_dict"])
save("numpy.pt", {"model": plain, "loss": numpy.float32(3), "history": numpy.arange(5.0), "args": argparse.Namespace(x=1)},
     lambda root: root["model"])
save("resume.pt", {"model_state_dict": plain, "optimizer_state_dict": adam, "epoch": 1, "rng": torch.get_rng_state()},
     lambda root: root["model_state_dict"])
save("deepspeed.pt", {"module": plain, "buffer_names": [], "ds_version": "0.16", "optimizer": adam},
     lambda root: root["module"])
save("averaged.pth", {"model": plain, "model_ema": other, "optimizer": adam}, lambda root: root["model_ema"])
save("averaged-nested.pth", {"state_dict": plain, "ema": {"decay": 0.99, "module": other}},
     lambda root: root["ema"]["module"])
save("teacher.pth", {"student": plain, "teacher": other, "epoch": 2}, lambda root: root["teacher"])
save("flags-only.pth", {"model": plain, "ema": {"decay": 0.99}}, lambda root: root["model"])

# Refused, with what to do.

class Wrapped:
    """An object of a program's own with the tensors somewhere in it."""

    def __init__(self):
        self.model = plain


def refused(name, root, *reasons, **options):
    torch.save(root, os.path.join(out, name), **options)
    refuse(name, *reasons)


class Small(torch.nn.Module):
    """A module; the old format keeps this text too."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(formula(2, 2))


refused("module.pt", Small(), "whole object", "__main__.Small", "state_dict()")
refused("module-old.pt", Small(), "whole object", "__main__.Small", _use_new_zipfile_serialization=False)
refused("module-inside.pt", {"epoch": 1, "model": Small()}, "whole object", "'model'", "__main__.Small")
refused("object.pt", Wrapped(), "whole object", "Wrapped")
refused("one-tensor.pt", a, "one tensor without a name")
refused("list.pt", [a, b], "no dictionary of tensors")
refused("nothing.pt", {"epoch": 3}, "no dictionary of tensors")
torch.jit.script(torch.nn.Identity()).save(os.path.join(out, "script.pt"))
refuse("script.pt", "TorchScript", "torch.jit.load")


class Attack:
    def __reduce__(self):
        return os.system, ("touch percept-was-attacked",)


refused("attack.pt", {"a": Attack(), **plain}, "posix.system", "nothing was executed")
refused("attack-old.pt", {"a": Attack(), **plain}, "posix.system", _use_new_zipfile_serialization=False)

import torch.distributed.checkpoint as distributed

distributed.save(plain, checkpoint_id=os.path.join(out, "distributed"))
refuse("distributed", "distributed checkpoint", "dcp_to_torch")

# safetensors.

safe = {key: value.contiguous() for key, value in types.items()}
for name, tensors, metadata in [
    ("types.safetensors", {k: v for k, v in safe.items() if "complex128" not in k and "fnuz" not in k},
     {"format": "pt", "percept": "\u00e9\n\""}),
    ("plain.safetensors", plain, None),
    ("odd.safetensors", {"empty": torch.zeros(0, 3), "scalar": torch.tensor(1.5), "": b, "a.b/c d\u00e9": a.half()}, {}),
]:
    save_file(tensors, os.path.join(out, name), metadata=metadata)
    expected[name] = {"tensors": state(load_file(os.path.join(out, name)))}

# One tiny tower, and all that is put around it. `model` compares the tensors under the names of the original release.

whole = torch.load(os.path.join(fixtures, "vision.pt"), weights_only=True)["weights"]
tower = {key: value for key, value in whole.items()}
model = {"visual." + key: described(value) for key, value in tower.items()}
trained = {key: value * 0 + 7 for key, value in tower.items()}


def keep(name, root, **options):
    torch.save(root, os.path.join(out, name), **options)
    expected[name] = {"model": "tower"}


averaged = torch.optim.swa_utils.AveragedModel(torch.nn.Linear(1, 1)).state_dict()["n_averaged"]
keep("tower-old.pth", tower, _use_new_zipfile_serialization=False)
keep("tower-swa.pt", {"n_averaged": averaged, **{"module." + k: v for k, v in tower.items()}})
keep("tower-lightning.ckpt", {
    "state_dict": {**{"model._orig_mod." + k: v for k, v in tower.items()}, "loss.scale": torch.tensor(2.0)},
    "optimizer_states": [adam]})
keep("tower-distilled.pth", {
    **{"student.module." + k: v for k, v in trained.items()}, **{"teacher.module." + k: v for k, v in tower.items()}})
for name in [entry for entry in os.listdir(out) if entry.startswith("tower-")]:
    # PyTorch reads the file as it was made.
    torch.load(os.path.join(out, name), weights_only=True)
save_file({k: v.contiguous() for k, v in tower.items()}, os.path.join(out, "tower.safetensors"))
expected["tower.safetensors"] = {"model": "tower"}

with open(os.path.join(out, "expected.json"), "w") as file:
    json.dump({"made with": {"torch": torch.__version__, "numpy": numpy.__version__}, "models": {"tower": model},
               "files": expected}, file, indent=1)
    file.write("\n")
print(subprocess.check_output(["du", "-sb", out], text=True), len(expected), "files")
