"""Runs `llama_model_quantize` of the engine once; a process of its own, because native code may end it.

Reads {"libraries", "source", "target", "number", …} as JSON from stdin; an importance matrix is a file of
single-precision numbers, of which the job names the parts. The structures are those of llama.h; a test compares them
with the pinned bindings.
"""

import ctypes
import os
import sys
from ctypes import POINTER, Structure, c_bool, c_char, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_size_t
from pathlib import Path
from typing import Any

import leash

SYSTEM = {"win32": ("", ".dll"), "darwin": ("lib", ".dylib")}
INTEGER, TEXT = 0, 3
BUFFER_BYTES = 64 << 20  # of rows at once: upstream's 8 GiB hold a whole tensor, for no gain


class Override(Structure):
    """llama_model_kv_override"""

    class Value(ctypes.Union):
        _fields_ = (("val_i64", c_int64), ("val_f64", c_double), ("val_bool", c_bool), ("val_str", c_char * 128))

    _fields_ = (("tag", c_int), ("key", c_char * 128), ("value", Value))


class Importance(Structure):
    """llama_model_imatrix_data"""

    _fields_ = (("name", c_char_p), ("data", POINTER(c_float)), ("size", c_size_t))


class Parameters(Structure):
    """llama_model_quantize_params"""

    _fields_ = (
        ("nthread", c_int32),
        ("ftype", c_int),
        ("output_tensor_type", c_int),
        ("token_embedding_type", c_int),
        ("allow_requantize", c_bool),
        ("quantize_output_tensor", c_bool),
        ("only_copy", c_bool),
        ("pure", c_bool),
        ("keep_split", c_bool),
        ("dry_run", c_bool),
        ("imatrix", POINTER(Importance)),
        ("kv_overrides", POINTER(Override)),
        ("tt_overrides", ctypes.c_void_p),
        ("prune_layers", POINTER(c_int32)),
        ("max_buf_size", c_size_t),
    )


def main() -> int:
    """Do the job on stdin; return the exit code."""
    job = leash.job()
    llama = _loaded(job["libraries"])
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype = job["number"]
    parameters.nthread = job["threads"]
    parameters.max_buf_size = BUFFER_BYTES
    parameters.only_copy = job["only_copy"]
    parameters.pure = job["pure"]
    parameters.allow_requantize = job["allow_requantize"]
    parameters.quantize_output_tensor = not job["leave_output_tensor"]
    if job["output_tensor_type"] is not None:
        parameters.output_tensor_type = job["output_tensor_type"]
    if job["token_embedding_type"] is not None:
        parameters.token_embedding_type = job["token_embedding_type"]
    kept = _importance(job, parameters)
    llama.llama_backend_init()
    status: int = llama.llama_model_quantize(os.fsencode(job["source"]), os.fsencode(job["target"]), parameters)
    del kept
    return 1 if status else 0


def _loaded(directory: str) -> Any:
    before, after = SYSTEM.get(sys.platform, ("lib", ".so"))
    if sys.platform == "win32":
        os.add_dll_directory(directory)
    base, _, llama = (
        ctypes.CDLL(f"{directory}{os.sep}{before}{name}{after}") for name in ("ggml-base", "ggml", "llama")
    )
    llama.llama_model_quantize_default_params.restype = Parameters
    llama.llama_model_quantize_default_params.argtypes = ()
    llama.llama_model_quantize.restype = ctypes.c_uint32
    llama.llama_model_quantize.argtypes = (c_char_p, c_char_p, POINTER(Parameters))
    llama.llama_backend_init.restype = None
    del base
    return llama


def _importance(job: Any, parameters: Parameters) -> list[object]:
    """Set the matrix and what the model will tell of it; -> what has to stay until the end."""
    told = job["imatrix"]
    if told is None:
        return []
    numbers = bytearray(Path(told["file"]).read_bytes())
    entries = (Importance * (len(told["entries"]) + 1))()
    kept: list[object] = [numbers, entries]
    for entry, (name, offset, count) in zip(entries, told["entries"], strict=False):
        data = (c_float * count).from_buffer(numbers, offset)
        kept.append(data)
        entry.name, entry.data, entry.size = name.encode(), data, count
    overrides = (Override * (len(told["keys"]) + 1))()
    for override, (key, value) in zip(overrides, told["keys"], strict=False):
        override.key = key.encode()
        override.tag = INTEGER if isinstance(value, int) else TEXT
        if isinstance(value, int):
            override.value.val_i64 = value
        else:
            override.value.val_str = value.encode()[:127]
    parameters.imatrix, parameters.kv_overrides = entries, overrides
    return [*kept, overrides]


if __name__ == "__main__":
    sys.exit(main())
