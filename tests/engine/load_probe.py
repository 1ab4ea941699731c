"""Loads a GGUF out of a file with the engine and prints what it cost, as JSON; a process of its own.

    python load_probe.py ENGINE FILE OFFSET [--mlock] [--unlisted]

The model is loaded through a FILE* at OFFSET, as the worker does it; then eight tokens are
decoded greedily, so that an untouched or wrongly mapped weight would show.
"""

import ctypes
import json
import sys
import time
from pathlib import Path

MLOCK = 3  # LLAMA_LOAD_MODE_MMAP_MLOCK


def main(engine: str, file: str, offset: str, *flags: str) -> None:
    """Load, decode and print the costs of the load."""
    sys.path.insert(0, engine)
    import llama_cpp.llama_cpp as llama

    start_backends(Path(engine))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fopen.restype = ctypes.c_void_p
    libc.fseeko.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int)
    before, began = bytes_read(), time.perf_counter()
    stream = libc.fopen(file.encode(), b"rb")
    libc.fseeko(stream, int(offset), 0)
    parameters = llama.llama_model_default_params()
    if "--mlock" in flags:
        parameters.load_mode = MLOCK
    model = llama.llama_model_load_from_file_ptr(stream, parameters)
    took = time.perf_counter() - began
    if not model:
        sys.exit("the model did not load")
    costs = {"load_s": took, "read_bytes": bytes_read() - before} | memory()
    parameters = llama.llama_context_default_params()
    parameters.n_ctx, parameters.n_threads, parameters.n_threads_batch = 256, 2, 2
    context = llama.llama_init_from_model(model, parameters)
    print(json.dumps(costs | {"tokens": decode(llama, model, context, 8)}))


def start_backends(engine: Path) -> None:
    """Load the CPU variants from the engine's own directory and from nowhere else."""
    folder = engine / "llama_cpp" / "lib"
    ctypes.CDLL(str(folder / "libggml.so")).ggml_backend_load_all_from_path(str(folder).encode())


def bytes_read() -> int:
    """Bytes that this process made the disk deliver."""
    return field("/proc/self/io", "read_bytes")


def memory() -> dict[str, int]:
    """Highest resident size, proportional size and locked bytes of this process."""
    kib = {
        "peak_bytes": ("/proc/self/status", "VmHWM"),
        "locked_bytes": ("/proc/self/status", "VmLck"),
        "pss_bytes": ("/proc/self/smaps_rollup", "Pss"),
    }
    return {name: field(*place) * 1024 for name, place in kib.items()}


def field(file: str, name: str) -> int:
    """The number after `name:` in a file of /proc."""
    lines = Path(file).read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def decode(llama: object, model: object, context: object, count: int) -> list[int]:
    """Decode `count` tokens greedily after a fixed prompt."""
    vocabulary = llama.llama_model_get_vocab(model)
    text = b"The capital of France is"
    prompt = (llama.llama_token * 64)()
    length = llama.llama_tokenize(vocabulary, text, len(text), prompt, 64, False, False)
    sampler = llama.llama_sampler_init_greedy()
    batch = llama.llama_batch_get_one(prompt, length)
    tokens = []
    for _ in range(count):
        if llama.llama_decode(context, batch):
            sys.exit("decoding failed")
        token = (llama.llama_token * 1)(llama.llama_sampler_sample(sampler, context, -1))
        tokens.append(token[0])
        batch = llama.llama_batch_get_one(token, 1)
    return tokens


if __name__ == "__main__":
    main(*sys.argv[1:])
