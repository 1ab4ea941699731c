"""Has the engine read, load and run the files whose paths come in on stdin; a process of its own, that may die.

    python mutants_probe.py ENGINE

For each path a line goes out: how far the engine came with it. The path itself goes out before, so that whoever
listens knows what a death was about.
"""

import ctypes
import sys
from pathlib import Path


class Parameters(ctypes.Structure):
    """`struct gguf_init_params`."""

    _fields_ = [("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p)]


def main(engine: str) -> None:
    """Read paths and answer each."""
    sys.path.insert(0, engine)
    import llama_cpp.llama_cpp as llama
    from load_probe import start_backends

    silent = llama.llama_log_callback(lambda level, text, data: None)
    llama.llama_log_set(silent, None)
    start_backends(Path(engine))
    base = ctypes.CDLL(str(Path(engine) / "llama_cpp" / "lib" / "libggml-base.so"))
    base.gguf_init_from_file.restype = ctypes.c_void_p
    base.gguf_init_from_file.argtypes = (ctypes.c_char_p, Parameters)
    base.gguf_free.argtypes = (ctypes.c_void_p,)
    for line in sys.stdin:
        path = line.rstrip("\n")
        print(path, end="\t", flush=True)
        print(answer(llama, base, path.encode()), flush=True)


def answer(llama: object, base: ctypes.CDLL, path: bytes) -> str:
    """One of `false`, `unknown`, `loaded`, `ran`: what the engine's reader, its loader and its arithmetic say."""
    header = base.gguf_init_from_file(path, Parameters(True, None))
    if not header:
        return "false"
    base.gguf_free(header)
    model = llama.llama_model_load_from_file(path, llama.llama_model_default_params())
    if not model:
        return "unknown"
    parameters = llama.llama_context_default_params()
    parameters.n_ctx, parameters.n_batch, parameters.n_threads, parameters.n_threads_batch = 32, 32, 1, 1
    context = llama.llama_init_from_model(model, parameters)
    said = "loaded"
    if context:
        tokens = (llama.llama_token * 4)(1, 2, 3, 4)
        if not llama.llama_decode(context, llama.llama_batch_get_one(tokens, 4)):
            said = "ran"
        llama.llama_free(context)
    llama.llama_model_free(model)
    return said


if __name__ == "__main__":
    main(*sys.argv[1:])
