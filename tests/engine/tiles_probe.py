"""Multiplies a Q4_1 matrix by columns, one at a time and many at once, with each CPU variant; prints JSON.

    python tiles_probe.py ENGINE

For each variant that this CPU can run: whether a column has the same bits alone and in batches of different sizes,
on one and three threads. The sizes are odd: no tile divides them.
"""

import ctypes
import json
import random
import struct
import sys
from collections.abc import Sequence
from ctypes import c_bool, c_char_p, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path

ROWS, BLOCKS, COLUMNS = 37, 33, 70
BATCHES = (2, 3, 5, 8, 9, 16, 31, COLUMNS)
BLOCK = 32  # numbers of a block
F32, Q4_1 = 0, 3  # ggml_type
CONTEXT_BYTES = 1 << 20  # descriptions of tensors and graphs


class InitParams(ctypes.Structure):
    """ggml_init_params"""

    _fields_ = (("mem_size", c_size_t), ("mem_buffer", c_void_p), ("no_alloc", c_bool))


def main(engine: str) -> None:
    """Compare the batches of every variant."""
    folder = Path(engine) / "llama_cpp" / "lib"
    base, ggml = (ctypes.CDLL(str(folder / name)) for name in ("libggml-base.so", "libggml.so"))
    declare(base, ggml)
    draw = random.Random(5)
    scales = [(draw.uniform(0.01, 0.1), draw.uniform(-1, 0)) for _ in range(ROWS * BLOCKS)]
    matrix = b"".join(struct.pack("<2e", *pair) + draw.randbytes(BLOCK // 2) for pair in scales)
    columns = [[draw.gauss(0, 1) for _ in range(BLOCKS * BLOCK)] for _ in range(COLUMNS)]
    found = {}
    for file in sorted(folder.glob("libggml-cpu-*.so")):
        if registered := ggml.ggml_backend_load(str(file).encode()):
            variant = Variant(base, registered, matrix)
            found[file.stem.removeprefix("libggml-cpu-")] = same_bits(variant, columns)
    print(json.dumps(found))


def same_bits(variant: "Variant", columns: Sequence[Sequence[float]]) -> bool:
    """Multiply the columns alone and in batches, and compare."""
    alone = [variant.multiply([column], threads=1)[0] for column in columns]
    batches = [variant.multiply(columns[:size], threads) for size in BATCHES for threads in (1, 3)]
    return all(batch == alone[: len(batch)] for batch in batches)


class Variant:
    """One CPU variant with the matrix in its memory."""

    def __init__(self, base: ctypes.CDLL, registered: int, matrix: bytes) -> None:
        self._base = base
        self._backend = base.ggml_backend_dev_init(base.ggml_backend_reg_dev_get(registered, 0), None)
        address = base.ggml_backend_reg_get_proc_address(registered, b"ggml_backend_set_n_threads")
        self._set_threads = ctypes.CFUNCTYPE(None, c_void_p, c_int)(address)
        self._matrix = matrix

    def multiply(self, columns: Sequence[Sequence[float]], threads: int) -> list[tuple[float, ...]]:
        """The products of the matrix with each column."""
        base, width = self._base, BLOCKS * BLOCK
        context = base.ggml_init(InitParams(CONTEXT_BYTES, None, True))
        a = base.ggml_new_tensor_2d(context, Q4_1, width, ROWS)
        b = base.ggml_new_tensor_2d(context, F32, width, len(columns))
        product = base.ggml_mul_mat(context, a, b)
        graph = base.ggml_new_graph(context)
        base.ggml_build_forward_expand(graph, product)
        buffer = base.ggml_backend_alloc_ctx_tensors(context, self._backend)
        numbers = b"".join(struct.pack(f"<{width}f", *column) for column in columns)
        base.ggml_backend_tensor_set(a, self._matrix, 0, len(self._matrix))
        base.ggml_backend_tensor_set(b, numbers, 0, len(numbers))
        self._set_threads(self._backend, threads)
        if base.ggml_backend_graph_compute(self._backend, graph):
            sys.exit("the multiplication failed")
        result = ctypes.create_string_buffer(4 * ROWS * len(columns))
        base.ggml_backend_tensor_get(product, result, 0, len(result))
        base.ggml_backend_buffer_free(buffer)
        base.ggml_free(context)
        return list(struct.iter_unpack(f"<{ROWS}f", result.raw))


def declare(base: ctypes.CDLL, ggml: ctypes.CDLL) -> None:
    """Give the functions their types."""
    ggml.ggml_backend_load.argtypes, ggml.ggml_backend_load.restype = (c_char_p,), c_void_p
    types = {
        "ggml_init": (c_void_p, InitParams),
        "ggml_free": (None, c_void_p),
        "ggml_new_tensor_2d": (c_void_p, c_void_p, c_int, c_int64, c_int64),
        "ggml_mul_mat": (c_void_p, c_void_p, c_void_p, c_void_p),
        "ggml_new_graph": (c_void_p, c_void_p),
        "ggml_build_forward_expand": (None, c_void_p, c_void_p),
        "ggml_backend_alloc_ctx_tensors": (c_void_p, c_void_p, c_void_p),
        "ggml_backend_buffer_free": (None, c_void_p),
        "ggml_backend_tensor_set": (None, c_void_p, c_char_p, c_size_t, c_size_t),
        "ggml_backend_tensor_get": (None, c_void_p, c_char_p, c_size_t, c_size_t),
        "ggml_backend_graph_compute": (c_int, c_void_p, c_void_p),
        "ggml_backend_reg_dev_get": (c_void_p, c_void_p, c_size_t),
        "ggml_backend_dev_init": (c_void_p, c_void_p, c_char_p),
        "ggml_backend_reg_get_proc_address": (c_void_p, c_void_p, c_char_p),
    }
    for name, (result, *arguments) in types.items():
        function = getattr(base, name)
        function.restype, function.argtypes = result, arguments


if __name__ == "__main__":
    main(*sys.argv[1:])
