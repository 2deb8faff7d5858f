"""Compares a checkpoint that `percept quantize` wrote with the one it was made of, tensor by tensor.

    python Tools/verify/quantized.py QUANTIZED ORIGINAL

Both are directories in transformers' layout. Rows are decoded in numpy by Tools/fixtures/quantized.py, which follows the
documentation and shares no code with Percept. Every element must lie within half a step of the original's, in q4 within
half a step of its levels; what is not quantised must be the same, bit for bit. Ends with 1 where something is not.
"""

import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fixtures"))
from quantized import GROUP, HALVES, decode, sizes  # noqa: E402

ROWS = 4096


def tensors(directory):
    """Name to (type, shape, mapped bytes, entry of the table or None) of all files of a directory."""
    found = {}
    for path in sorted(pathlib.Path(directory).glob("*.safetensors")):
        data = np.memmap(path, np.uint8, "r")
        length = int(data[:8].view("<u8")[0])
        header = json.loads(data[8 : 8 + length].tobytes())
        metadata = header.pop("__metadata__", {})
        table = json.loads(metadata.get("percept.quantization", '{"tensors": {}}'))
        if table["tensors"]:
            assert (table["scheme"], table["version"]) == ("percept-rows", 1), table
        for name, entry in header.items():
            begin, end = (8 + length + place for place in entry["data_offsets"])
            row = table["tensors"].get(name)
            assert not row or begin % 16 == 0, f"{name} begins at {begin}"
            found[name] = (entry["dtype"], entry["shape"], data[begin:end], row)
    return found


def floats(kind, data):
    if kind == "BF16":
        return (data.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return data.view({"F32": "<f4", "F16": "<f2"}[kind]).astype(np.float32)


def worst(rows, values, form, columns):
    """The largest distance of an element from what its row stores for it, in steps; 0.5 is what rounding allows."""
    groups, codes, _ = sizes(form, columns)
    end = codes + 2 * HALVES[form] * groups
    halves = rows[:, codes:end].copy().view("<f2").reshape(len(rows), groups, HALVES[form]).astype(np.float64)
    assert np.isfinite(halves).all() and not rows[:, end:].any()
    def per_column(numbers):
        return np.repeat(numbers, GROUP, axis=1)[:, :columns]
    step = per_column(halves[:, :, 0]) / (128 if form == "q8" else 16)
    wanted = values.astype(np.float64)
    if form == "q4":
        low = per_column(halves[:, :, 1])
        wanted = np.clip(wanted, low, low + 15 * step)
    error = np.abs(decode(rows, form, columns).astype(np.float64) - wanted)
    # Beside half a step, f32's rounding of the element itself.
    error = np.maximum(error - np.abs(wanted) * 2.0**-22, 0)
    return (error / np.maximum(step, 2.0**-40)).max(initial=0)


def main():
    quantized, original = tensors(sys.argv[1]), tensors(sys.argv[2])
    # A tied output matrix may be stored twice in the original.
    missing = set(original) - set(quantized) - {"lm_head.weight"}
    faults = [f"{name}: only in one of the two" for name in sorted(missing | set(quantized) - set(original))]
    counts, errors = {}, {}
    for name in sorted(set(quantized) & set(original)):
        kind, shape, data, entry = quantized[name]
        old_kind, old_shape, old, _ = original[name]
        if not entry:
            counts[kind] = counts.get(kind, 0) + 1
            if (kind, shape) != (old_kind, old_shape) or not np.array_equal(data, old):
                faults.append(f"{name}: differs")
            continue
        form, (rows, columns) = entry["format"], entry["shape"]
        if kind != "U8" or old_shape != entry["shape"] or shape != [rows, sizes(form, columns)[2]]:
            faults.append(f"{name}: {kind} {shape} for {old_shape}")
            continue
        counts[form] = counts.get(form, 0) + 1
        data, old, width = data.reshape(shape), old.reshape(rows, -1), columns
        for first in range(0, rows, ROWS):
            part = slice(first, first + ROWS)
            values = floats(old_kind, np.ascontiguousarray(old[part]).reshape(-1)).reshape(-1, width)
            off = worst(np.ascontiguousarray(data[part]), values, form, width)
            errors[form] = max(errors.get(form, 0), off)
            if off > 0.5001:
                faults.append(f"{name}: off by {off} steps")
                break
    print(f"tensors {counts}, largest errors in steps {errors}")
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults or not errors else 0)


if __name__ == "__main__":
    main()
