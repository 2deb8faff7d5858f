"""Compares what Percept reads from checkpoints with what PyTorch reads from them, which save_checkpoints.py has noted.

    python Tools/corpus/checkpoints.py --binaries DIRECTORY

Then the same files damaged: cut, with bytes changed, and with the parts of archives exchanged. Archives have checksums:
of a damaged one every tensor is refused by name or is what it was. The old format, archives without checksums and
safetensors have none, so that of those only cuts must be refused; nothing may end the program.

Last, one tower and one language model under the names and in the containers of other programs, made here.
"""

import argparse
import binascii
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import zipfile

here = os.path.dirname(os.path.abspath(__file__))
corpus = os.path.join(here, "checkpoints")
fixtures = os.path.join(here, "..", "..", "Tests", "CheckpointTests", "Fixtures", "models")
languages = os.path.join(here, "..", "..", "Tests", "Fixtures", "plm", "files")


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, fault):
        """Counts a case; `fault` says what was wrong, and nothing where all was right."""
        if fault:
            self.failed += 1
            if self.failed <= 40:
                print(f"FAILED {name}: {fault}", file=sys.stderr)
        else:
            self.passed += 1


class Probe:
    """Reads files as Percept does, many in one process."""

    def __init__(self, binaries):
        self.command = [os.path.join(binaries, "corpus-probe"), "checkpoints"]
        self.environment = {**os.environ, "SWIFT_BACKTRACE": "enable=no"}

    def read(self, requests):
        """The answers to pairs of a kind and a path; None for those that ended the process."""
        answers = []
        while len(answers) < len(requests):
            rest = requests[len(answers):]
            lines = "".join(f"{kind} {path}\n" for kind, path in rest)
            run = subprocess.run(self.command, input=lines.encode(), stdout=subprocess.PIPE, timeout=300,
                                 env=self.environment)
            found = [json.loads(line) for line in run.stdout.splitlines()]
            answers += found
            if len(found) < len(rest):
                answers.append(None)
        return answers


def difference(found, expected):
    """What is wrong with an answer that must hold these tensors."""
    if found is None:
        return "the process ended"
    if "error" in found:
        return found["error"]
    if found["tensors"] == expected:
        return ""
    for name in sorted(set(found["tensors"]) | set(expected)):
        if found["tensors"].get(name) != expected.get(name):
            return f"'{name}' is {found['tensors'].get(name)}, expected {expected.get(name)}"


def refusal(found, path, reasons=()):
    """What is wrong with an answer that must be an error about this file."""
    if found is None:
        return "the process ended"
    if "error" not in found:
        return "it was accepted"
    missing = [word for word in (path, *reasons) if word not in found["error"]]
    return f"{missing} not in: {found['error']}" if missing else ""


# The files as they are.


def whole_files(tally, probe, expected):
    files = expected["files"]
    requests = [("model" if "model" in entry else "tensors", os.path.join(corpus, name)) for name, entry in files.items()]
    for (name, entry), (_, path), found in zip(files.items(), requests, probe.read(requests)):
        if "refused" in entry:
            tally.check(name, refusal(found, path, entry["refused"]))
        elif "model" in entry:
            tally.check(name, difference(found, expected["models"][entry["model"]]))
        else:
            tally.check(name, difference(found, entry["tensors"]))


# Damage.


def cuts(data, step):
    return [(f"cut at {size}", data[:size]) for size in range(0, len(data), step)]


def flips(data, step, generator):
    for place in range(0, len(data), step):
        changed = bytearray(data)
        changed[place] ^= 1 << generator.randrange(8)
        yield f"bit of byte {place}", bytes(changed)
    for place in range(step // 2, len(data), step):
        changed = bytearray(data)
        changed[place] = generator.choice([0, 0xFF, changed[place] ^ 0xFF])
        yield f"byte {place}", bytes(changed)


def directory(data):
    """Where the central directory of an archive and the lines in it begin; the last is its end."""
    start = struct.unpack_from("<I", data, data.rindex(b"PK\x05\x06") + 16)[0]
    places = [start]
    while data[places[-1]:places[-1] + 4] == b"PK\x01\x02":
        name, extra, comment = struct.unpack_from("<3H", data, places[-1] + 28)
        places.append(places[-1] + 46 + name + extra + comment)
    return places


def exchanged(data):
    """Lines of the central directory that point at the data of others, or have their names."""
    places = directory(data)
    lines = [data[begin:end] for begin, end in zip(places, places[1:])]
    for first in range(len(lines)):
        for second in range(first):
            one, two = bytearray(lines[first]), bytearray(lines[second])
            one[42:46], two[42:46] = two[42:46], one[42:46]
            rest = [line for index, line in enumerate(lines) if index not in (first, second)]
            yield f"offsets of {first} and {second}", data[:places[0]] + b"".join([bytes(one), bytes(two), *rest]) + data[places[-1]:]
            one, two = bytearray(lines[first]), bytearray(lines[second])
            if struct.unpack_from("<H", one, 28) == struct.unpack_from("<H", two, 28):
                length = struct.unpack_from("<H", one, 28)[0]
                one[46:46 + length], two[46:46 + length] = two[46:46 + length], one[46:46 + length]
                yield f"names of {first} and {second}", data[:places[0]] + b"".join([bytes(one), bytes(two), *rest]) + data[places[-1]:]


def damaged_files(tally, probe, expected, directory_path):
    generator = random.Random(15)
    cases = []
    for name, entry in expected["files"].items():
        path = os.path.join(corpus, name)
        if "refused" in entry or os.path.isdir(path):
            continue
        with open(path, "rb") as file:
            data = file.read()
        is_archive = data.startswith(b"PK")
        has_checksums = is_archive and name != "without-checksums.pt"
        kind = "model" if "model" in entry else "tensors"
        tensors = expected["models"][entry["model"]] if "model" in entry else entry["tensors"]
        step = max(len(data) // 150, 1)
        # A few cuts of an archive lose nothing but padding; of others the last elements go.
        for what, changed in cuts(data, step):
            cases.append((name, what, kind, tensors, changed, True))
        for what, changed in flips(data, step, generator):
            cases.append((name, what, kind, tensors, changed, has_checksums))
        if has_checksums and len(data) < 8192:
            for what, changed in exchanged(data):
                cases.append((name, what, kind, tensors, changed, True))
    requests = []
    for index, (name, what, kind, tensors, changed, _) in enumerate(cases):
        # A name says nothing of a configuration, and keeps its ending.
        path = os.path.join(directory_path, f"{index}{os.path.splitext(name)[1]}")
        with open(path, "wb") as file:
            file.write(changed)
        requests.append((kind, path))
    for case, (_, path), found in zip(cases, requests, probe.read(requests)):
        name, what, _, tensors, _, is_told = case
        fault = "the process ended" if found is None else ""
        if found and "error" in found:
            fault = refusal(found, path)
        elif is_told and found:
            fault = difference(found, tensors)
        tally.check(f"{name}, {what}", fault)
        os.remove(path)


# What is in the place of a file.


def impostors(tally, probe, expected, directory_path):
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 134829\n"
    page = b"\n<!DOCTYPE html>\n<html class=\"\"><head><title>facebook/PE-Core-B16-224</title></head></html>\n"
    error = b'{"error":"Repository not found"}'
    contents = {
        "empty": (b"", ["empty"]), "zeros": (bytes(4096), ["zeros"]), "few zeros": (bytes(7), ["zeros"]),
        "pointer": (lfs, ["Git LFS pointer", "134829", "git lfs pull"]), "page": (page, ["web page"]),
        "error": (error, ["server's error"]), "gzip": (b"\x1f\x8b\x08\0" + bytes(range(99)), ["gzip", "gunzip"]),
        "xz": (b"\xfd7zXZ\0" + bytes(range(99)), ["xz"]), "zstd": (b"\x28\xb5\x2f\xfd" + bytes(range(99)), ["zstd"]),
        "tar": (bytes(range(1, 100)) * 2 + bytes(59) + b"ustar\x0000" + bytes(400), ["tar archive"]),
        "utf-16": ("{}".encode("utf-16"), ["UTF-16"]), "denied": (b"Access to model x is restricted.\n", []),
    }
    with open(os.path.join(fixtures, "timm", "model.safetensors"), "rb") as file:
        timm = file.read()
    with open(os.path.join(fixtures, "official.pt"), "rb") as file:
        official = file.read()
    requests, wanted = [], []
    for number, (what, (data, reasons)) in enumerate(contents.items()):
        for name in ["model.safetensors", "pytorch_model.bin", "weights.pt", "last.ckpt", "model.safetensors.index.json",
                     "config.json", "open_clip_config.json", "weights.json"]:
            folder = os.path.join(directory_path, f"impostor {number} {name}")
            os.mkdir(folder)
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(data)
            if name in ("config.json", "open_clip_config.json"):
                with open(os.path.join(folder, "model.safetensors"), "wb") as file:
                    file.write(timm)
            elif name == "weights.json":
                with open(os.path.join(folder, "weights.pt"), "wb") as file:
                    file.write(official)
            requests.append(("model", folder))
            wanted.append((f"{what} as {name}", path, reasons))
    for (name, path, reasons), found in zip(wanted, probe.read(requests)):
        tally.check(name, refusal(found, path, reasons))


# The same models under other names.


def safetensors(path, tensors, metadata=None, reorder=False):
    """Writes tensors given as (type, shape, bytes) by name."""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (kind, shape, content) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    if reorder:
        header = dict(reversed(header.items()))
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def contents(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {
        name: (entry["dtype"], entry["shape"], data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]])
        for name, entry in header.items()
    }


prefixes = [
    "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "model._orig_mod.module.", "state_dict.",
    "_fsdp_wrapped_module.", "_fsdp_wrapped_module._orig_mod.", "module.module.", "_forward_module.model.", "ema.",
    "ema_model.module.", "averaged_model.module.", "base_model.model.", "base_model.model.model.", "teacher.backbone.",
    "student.", "net.", "network.module.", "model.model.",
]
extras = {
    "n_averaged": ("I64", [], bytes(8)), "bn.num_batches_tracked": ("I64", [], bytes(8)), "mask": ("BOOL", [3], bytes(3)),
    "double": ("F64", [2], bytes(16)), "spectrum": ("C64", [2], bytes(16)), "small": ("F8_E4M3", [4], bytes(4)),
    "none": ("F32", [0, 7], b""), "unknown": ("F4", [8], bytes(4)), "loss.weight": ("F32", [2, 2], bytes(16)),
}


def inside(prefix):
    """The prefix put where FSDP and torch.compile put it: around single blocks."""
    return lambda name: re.sub(r"((?:blocks|resblocks|layers)\.\d+\.)", rf"\1{prefix}", name)


def renamed_models(tally, probe, expected, directory_path):
    models = [
        ("timm", "model", os.path.join(fixtures, "timm", "model.safetensors"), os.path.join(fixtures, "timm", "config.json")),
        ("open_clip", "model", os.path.join(fixtures, "openclip.safetensors"), None),
        ("transformers", "language", os.path.join(languages, "transformers"), None),
    ]
    requests, wanted = [], []

    def case(name, kind, tensors, config, reference, reasons=None, note=(), **options):
        folder = os.path.join(directory_path, f"renamed {len(requests)}")
        os.mkdir(folder)
        for path in config:
            with open(path, "rb") as source, open(os.path.join(folder, os.path.basename(path)), "wb") as target:
                target.write(source.read())
        safetensors(os.path.join(folder, "model.safetensors"), tensors, **options)
        requests.append((kind, folder))
        wanted.append((name, folder, reference, reasons, note))

    for layout, kind, path, config in models:
        if os.path.isdir(path):
            parts = [entry for entry in os.listdir(path) if entry.endswith(".safetensors")]
            tensors = {key: value for part in parts for key, value in contents(os.path.join(path, part)).items()}
            configs = [os.path.join(path, entry) for entry in os.listdir(path)
                       if entry.endswith(".json") and "index" not in entry and "tokenizer" not in entry]
        else:
            tensors, configs = contents(path), [config] if config else []
        reference = probe.read([(kind, path)])[0]
        tally.check(f"{layout} as it is", "" if "tensors" in reference else reference["error"])
        reference = reference.get("tensors")
        for prefix in prefixes:
            case(f"{layout} under {prefix}", kind, {prefix + k: v for k, v in tensors.items()}, configs, reference)
        for part in ["_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "module."]:
            rename = inside(part)
            case(f"{layout} with {part} in blocks", kind, {rename(k): v for k, v in tensors.items()}, configs, reference)
        case(f"{layout} with others beside", kind, {**tensors, **extras}, configs, reference,
             note=["passed over", "'n_averaged'"])
        case(f"{layout} wrapped, with others beside", kind,
             {**{"module." + k: v for k, v in tensors.items()}, **extras}, configs, reference, note=["passed over"])
        case(f"{layout} out of order", kind, tensors, configs, reference, reorder=True)
        case(f"{layout} with metadata", kind, tensors, configs, reference,
             metadata={"format": "pt", "modelspec.title": "x", "ss_network_args": "{}"})
        trained = {"model." + k: (t, s, bytes(len(d))) for k, (t, s, d) in tensors.items()}
        case(f"{layout}, averaged beside trained", kind, {**trained, **{"ema." + k: v for k, v in tensors.items()}},
             configs, reference, note=["averaged weights under 'ema.'"])
        first = next(iter(tensors))
        case(f"{layout}, twice", kind, {**tensors, "module." + first: tensors[first]}, configs, None,
             reasons=[f"'{first}'", "module." + first])
        case(f"{layout}, two models", kind,
             {**{"model." + k: v for k, v in tensors.items()}, **{"net." + k: v for k, v in tensors.items()}}, configs,
             None, reasons=["'model.'", "'net.'"])
        case(f"{layout} with an adapter beside", kind, {**tensors, "blocks.0.attn.qkv.lora_A.weight": ("F32", [1], bytes(4))},
             configs, None, reasons=["lora_A", "not merged"])
        for name, (element, shape, data) in tensors.items():
            without = {k: v for k, v in tensors.items() if k != name}
            if name not in ("head.bias", "visual.trunk.head.bias", "lm_head.weight"):
                case(f"{layout} without {name}", kind, {"module." + k: v for k, v in without.items()}, configs, None,
                     reasons=[])
            if shape:
                case(f"{layout} with {name} empty", kind, {**without, name: (element, [0, *shape[1:]], b"")}, configs,
                     None, reasons=[])
            count = 1
            for side in shape:
                count *= side
            case(f"{layout} with {name} in bytes", kind, {**without, name: ("F8_E4M3", shape, bytes(count))}, configs, None,
                 reasons=[])
    for (name, folder, reference, reasons, note), found in zip(wanted, probe.read(requests)):
        if reasons is not None:
            tally.check(name, refusal(found, folder, reasons))
        else:
            fault = difference(found, reference)
            notes = "\n".join(found["notes"]) if not fault else ""
            missing = [word for word in note if word not in notes]
            tally.check(name, fault or (f"{missing} not in the notes: {notes}" if missing else ""))


def archives(tally, probe, expected, directory_path):
    """Zip archives that are not quite PyTorch's."""
    source = os.path.join(corpus, "zip-protocol2.pt")
    requests, wanted = [], []

    def rebuilt(name, reasons, change=lambda name, data: (name, data), compression=zipfile.ZIP_STORED, head=b"", tail=b""):
        path = os.path.join(directory_path, name)
        with open(path, "wb") as file:
            file.write(head)
            with zipfile.ZipFile(source) as old, zipfile.ZipFile(file, "w", compression) as new:
                for entry in old.infolist():
                    changed = change(entry.filename, old.read(entry))
                    if changed:
                        new.writestr(*changed)
        with open(path, "ab") as file:
            file.write(tail)
        requests.append(("tensors", path))
        wanted.append((name, path, reasons))

    rebuilt("stored.pt", None)
    rebuilt("folderless.pt", None, lambda name, data: (name.split("/", 1)[1], data))
    rebuilt("big-endian.pt", ["byte order"], lambda name, data: (name, b"big" if name.endswith("byteorder") else data))
    rebuilt("deflated.pt", ["compressed"], compression=zipfile.ZIP_DEFLATED)
    rebuilt("without-pickle.pt", ["data.pkl"], lambda name, data: None if name.endswith("data.pkl") else (name, data))
    rebuilt("without-storage.pt", ["missing"], lambda name, data: None if name.endswith("data/1") else (name, data))
    rebuilt("short-storage.pt", ["truncated"], lambda name, data: (name, data[:8] if name.endswith("data/1") else data))
    rebuilt("packed.pt", ["unpack it", "model.pt"], lambda name, data: ("model.pt", data) if name.endswith("pkl") else None)
    rebuilt("arrays.npz", ["NumPy"], lambda name, data: (name + ".npy", data))
    for (name, path, reasons), found in zip(wanted, probe.read(requests)):
        if reasons is None:
            tally.check(name, difference(found, expected["files"]["zip-protocol2.pt"]["tensors"]))
        else:
            tally.check(name, refusal(found, path, reasons))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True)
    probe = Probe(parser.parse_args().binaries)
    with open(os.path.join(corpus, "expected.json")) as file:
        expected = json.load(file)
    tally = Tally()
    whole_files(tally, probe, expected)
    for part in (archives, impostors, renamed_models, damaged_files):
        with tempfile.TemporaryDirectory() as directory_path:
            part(tally, probe, expected, directory_path)
    print(f"checkpoints: {tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


main()
