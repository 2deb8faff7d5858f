"""ggml's Vulkan backend, by its C interface: FOLDER PRECISION. Matrices are stored in the precision, all else in f32.

Emulated cooperative matrices halve its speed and its accuracy on CPU drivers: they are switched off.
"""

import ctypes
import os
import sys
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path

import numpy as np
from worker import serve

os.environ |= {"GGML_VK_VISIBLE_DEVICES": "0", "GGML_VK_DISABLE_COOPMAT": "1", "GGML_VK_DISABLE_COOPMAT2": "1"}
TYPES = {"f32": (0, np.float32), "f16": (1, np.float16)}
EPSILON = 1e-5


class InitParameters(ctypes.Structure):
    _fields_ = [("mem_size", c_size_t), ("mem_buffer", c_void_p), ("no_alloc", c_bool)]


# Functions by name: result, arguments. Pointers to tensors, graphs and backends are opaque here.
P, I = c_void_p, c_int64
SIGNATURES = {
    "ggml_init": (P, [InitParameters]), "ggml_tensor_overhead": (c_size_t, []), "ggml_version": (c_char_p, []),
    "ggml_graph_overhead_custom": (c_size_t, [c_size_t, c_bool]), "ggml_new_graph_custom": (P, [P, c_size_t, c_bool]),
    "ggml_build_forward_expand": (None, [P, P]), "ggml_set_input": (None, [P]), "ggml_set_output": (None, [P]),
    "ggml_new_tensor": (P, [P, c_int, c_int, POINTER(I)]), "ggml_nbytes": (c_size_t, [P]),
    "ggml_element_size": (c_size_t, [P]),
    "ggml_mul_mat": (P, [P, P, P]), "ggml_add": (P, [P, P, P]), "ggml_sub": (P, [P, P, P]), "ggml_mul": (P, [P, P, P]),
    "ggml_norm": (P, [P, P, c_float]), "ggml_gelu_erf": (P, [P, P]), "ggml_cont": (P, [P, P]),
    "ggml_transpose": (P, [P, P]), "ggml_concat": (P, [P, P, P, c_int]),
    "ggml_soft_max_ext": (P, [P, P, P, c_float, c_float]),
    "ggml_permute": (P, [P, P, c_int, c_int, c_int, c_int]), "ggml_reshape_2d": (P, [P, P, I, I]),
    "ggml_reshape_3d": (P, [P, P, I, I, I]), "ggml_view_3d": (P, [P, P, I, I, I, c_size_t, c_size_t, c_size_t]),
    "ggml_conv_2d": (P, [P, P, P, *[c_int] * 6]),
    "ggml_backend_load": (P, [c_char_p]), "ggml_backend_reg_dev_count": (c_size_t, [P]),
    "ggml_backend_reg_dev_get": (P, [P, c_size_t]), "ggml_backend_dev_init": (P, [P, c_char_p]),
    "ggml_backend_dev_description": (c_char_p, [P]), "ggml_backend_alloc_ctx_tensors": (P, [P, P]),
    "ggml_backend_tensor_set": (None, [P, P, c_size_t, c_size_t]),
    "ggml_backend_tensor_get": (None, [P, P, c_size_t, c_size_t]),
    "ggml_backend_get_default_buffer_type": (P, [P]), "ggml_gallocr_new": (P, [P]),
    "ggml_gallocr_alloc_graph": (c_bool, [P, P]), "ggml_backend_graph_compute": (c_int, [P, P]),
}


class Library:
    """ggml's functions without their prefix."""

    def __init__(self):
        folder = next(Path(os.environ["GGML_FOLDER"]).glob("usr/lib/*-linux-gnu"))
        loaded = [ctypes.CDLL(str(folder / name), ctypes.RTLD_GLOBAL) for name in ("libggml-base.so.0", "libggml.so.0")]
        for name, (result, arguments) in SIGNATURES.items():
            function = next(getattr(library, name) for library in loaded if hasattr(library, name))
            function.restype, function.argtypes = result, arguments
            setattr(self, name.removeprefix("ggml_"), function)
        self.backend_file = next((folder / "ggml").glob("*/libggml-vulkan.so"))

    def context(self, tensors, graphs=0):
        size = tensors * self.tensor_overhead() + (self.graph_overhead_custom(tensors, False) if graphs else 0)
        return self.init(InitParameters(size, None, True))


class Builder:
    """Records the tower; shapes in comments are ggml's, fastest dimension first."""

    def __init__(self, ggml, context, weights, heads, pool_heads):
        self.g, self.c, self.w = ggml, context, weights
        self.heads, self.pool_heads = heads, pool_heads

    def call(self, name, *arguments):
        return getattr(self.g, name)(self.c, *arguments)

    def linear(self, name, x):
        y = self.call("mul_mat", self.w[f"{name}.weight"], x)
        bias = self.w.get(f"{name}.bias")
        return self.call("add", y, bias) if bias else y

    def norm(self, name, x):
        y = self.call("mul", self.call("norm", x, EPSILON), self.w[f"{name}.weight"])
        return self.call("add", y, self.w[f"{name}.bias"])

    def mlp(self, name, x):
        return self.linear(f"{name}.c_proj", self.call("gelu_erf", self.linear(f"{name}.c_fc", x)))

    def turn(self, x, head, tokens, heads):
        half, size = head // 2, 4

        def part(first):
            return self.call("view_3d", x, half, tokens, heads, head * size, head * tokens * size, first * size)

        a, b = part(0), part(half)
        cosine, sine = self.w["cosine"], self.w["sine"]
        first = self.call("sub", self.call("mul", a, cosine), self.call("mul", b, sine))
        second = self.call("add", self.call("mul", b, cosine), self.call("mul", a, sine))
        return self.call("concat", first, second, 0)

    def attention(self, name, x, queries, keys, width, heads, rotates, probe=None):
        head = width // heads

        def split(y, tokens, axes):  # [head, tokens, heads], or [tokens, head, heads]
            return self.call("cont", self.call("permute", self.call("reshape_3d", y, head, heads, tokens), *axes, 3))

        q = split(self.linear(f"{name}.q", probe or x), queries, (0, 2, 1))
        k = split(self.linear(f"{name}.k", x), keys, (0, 2, 1))
        v = split(self.linear(f"{name}.v", x), keys, (1, 2, 0))
        if rotates:
            q, k = (self.turn(y, head, keys, heads) for y in (q, k))
        shares = self.call("soft_max_ext", self.call("mul_mat", k, q), None, head**-0.5, 0.0)
        mixed = self.call("mul_mat", v, shares)  # [head, queries, heads]
        mixed = self.call("cont", self.call("permute", mixed, 0, 2, 1, 3))
        return self.linear(f"{name}.out", self.call("reshape_2d", mixed, width, queries))

    def tower(self, pixels, width, patch, cells, layers):
        tokens = cells + 1
        x = self.call("conv_2d", self.w["conv1.weight"], pixels, patch, patch, 0, 0, 1, 1)
        x = self.call("cont", self.call("transpose", self.call("reshape_2d", x, cells, width)))
        x = self.call("add", x, self.w["positions"])
        x = self.norm("ln_pre", self.call("concat", self.w["first"], x, 1))
        for i in range(layers):
            name = f"blocks.{i}"
            y = self.norm(f"{name}.ln_1", x)
            x = self.call("add", x, self.attention(f"{name}.attn", y, tokens, tokens, width, self.heads, True))
            x = self.call("add", x, self.mlp(f"{name}.mlp", self.norm(f"{name}.ln_2", x)))
        x = self.norm("ln_post", x)
        pooled = self.attention("pool", x, 1, tokens, width, self.pool_heads, False, probe=self.w["probe"])
        pooled = self.call("add", pooled, self.mlp("pool_mlp", self.norm("pool_norm", pooled)))
        return self.linear("proj", pooled)


def load():
    folder, precision = Path(sys.argv[1]), sys.argv[2]
    ggml = Library()
    registry = ggml.backend_load(str(ggml.backend_file).encode())
    if not registry or ggml.backend_reg_dev_count(registry) == 0:
        raise RuntimeError("no Vulkan device that ggml takes")
    device = ggml.backend_reg_dev_get(registry, 0)
    backend = ggml.backend_dev_init(device, None)
    arrays = dict(np.load(folder / "tower.npz"))
    heads, pool_heads = (int(arrays.pop(name)) for name in ("heads", "pool_heads"))

    def tensor(context, shape, code):
        return ggml.new_tensor(context, code, len(shape), (I * len(shape))(*reversed(shape)))

    context = ggml.context(len(arrays))
    weights, contents = {}, {}
    for name, array in arrays.items():
        if name != "conv1.weight":  # leading ones are PyTorch's
            array = array.reshape([side for side in array.shape[:-1] if side > 1] + [array.shape[-1]])
        code, kind = TYPES[precision if name.endswith(".weight") and array.ndim > 1 else "f32"]
        weights[name], contents[name] = tensor(context, array.shape, code), np.ascontiguousarray(array, kind)
    ggml.backend_alloc_ctx_tensors(context, backend)
    for name, array in contents.items():
        ggml.backend_tensor_set(weights[name], array.ctypes.data, 0, array.nbytes)

    pixels = np.ascontiguousarray(np.load(folder / "input.npy"))
    context = ggml.context(4096, graphs=1)
    x = tensor(context, pixels.shape, TYPES["f32"][0])
    ggml.set_input(x)
    width, _, patch, _ = arrays["conv1.weight"].shape
    layers = sum(name.endswith(".ln_1.weight") for name in arrays)
    cells = (pixels.shape[2] // patch) ** 2
    y = Builder(ggml, context, weights, heads, pool_heads).tower(x, width, patch, cells, layers)
    ggml.set_output(y)
    graph = ggml.new_graph_custom(context, 4096, False)
    ggml.build_forward_expand(graph, y)
    allocator = ggml.gallocr_new(ggml.backend_get_default_buffer_type(backend))
    if not ggml.gallocr_alloc_graph(allocator, graph):
        raise RuntimeError("no memory for the graph")
    embedding = np.zeros(ggml.nbytes(y) // 4, np.float32)

    def run():
        ggml.backend_tensor_set(x, pixels.ctypes.data, 0, pixels.nbytes)
        status = ggml.backend_graph_compute(backend, graph)
        if status:
            raise RuntimeError(f"ggml's graph ended with {status}")
        ggml.backend_tensor_get(y, embedding.ctypes.data, 0, embedding.nbytes)
        return embedding

    return ggml.version().decode(), ggml.backend_dev_description(device).decode(), run


serve(load)
