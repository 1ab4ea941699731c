"""Clears memory to zero in every way there is and prints what was found afterwards, as JSON; a process of its own.

    python clear_probe.py ENGINE MODEL FILE

Buffers of the CPU are filled and cleared: allocated ones, some of them locked, and one made of a mapped file.
Then a model gets a large context, and answers before and after its memory was cleared.
"""

import ctypes
import json
import mmap
import sys
from pathlib import Path

from load_probe import decode, field, start_backends

SIZES = (1, 63, 4096, 12_289, 1 << 20, 40_000_001)
LOCKED = 40_960  # what any user may lock
CONTEXT = 32_768


def main(engine: str, model: str, file: str) -> None:
    """Clear buffers and a context."""
    sys.path.insert(0, engine)
    import llama_cpp.llama_cpp as llama

    start_backends(Path(engine))
    base = declared(engine)
    found = {
        "zero": [cleared(base, allocated(base, size), size, 0) for size in SIZES],
        "value": [cleared(base, allocated(base, size), size, 7) for size in SIZES],
        "locked": cleared(base, locked(base, LOCKED), LOCKED, 0),
        "file": file_cleared(base, Path(file)),
    }
    print(json.dumps(found | context(llama, model)))


def declared(engine: str) -> ctypes.CDLL:
    """ggml's functions for buffers."""
    base = ctypes.CDLL(str(Path(engine) / "llama_cpp" / "lib" / "libggml-base.so"))
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for name, result, arguments in (
        ("ggml_backend_cpu_buffer_type", pointer, ()),
        ("ggml_backend_buft_alloc_buffer", pointer, (pointer, size)),
        ("ggml_backend_cpu_buffer_from_ptr", pointer, (pointer, size)),
        ("ggml_backend_buffer_get_base", pointer, (pointer,)),
        ("ggml_backend_buffer_clear", None, (pointer, ctypes.c_uint8)),
        ("ggml_backend_buffer_free", None, (pointer,)),
    ):
        function = getattr(base, name)
        function.restype, function.argtypes = result, arguments
    return base


def allocated(base: ctypes.CDLL, size: int) -> int:
    """A buffer of the CPU."""
    buffer: int = base.ggml_backend_buft_alloc_buffer(base.ggml_backend_cpu_buffer_type(), size)
    return buffer


def locked(base: ctypes.CDLL, size: int) -> int:
    """A buffer whose pages may not be given back."""
    buffer = allocated(base, size)
    start = ctypes.c_void_p(base.ggml_backend_buffer_get_base(buffer))
    if ctypes.CDLL(None).mlock(start, ctypes.c_size_t(size)):
        sys.exit("mlock failed")
    return buffer


def cleared(base: ctypes.CDLL, buffer: int, size: int, value: int) -> bool:
    """Fill a buffer, clear it, and tell whether each of its bytes is `value`; then free it."""
    start = base.ggml_backend_buffer_get_base(buffer)
    ctypes.memset(start, 0xAA, size)
    base.ggml_backend_buffer_clear(buffer, value)
    same = ctypes.string_at(start, size) == bytes([value]) * size
    base.ggml_backend_buffer_free(buffer)
    return same


def file_cleared(base: ctypes.CDLL, file: Path) -> bool:
    """Whether a buffer made of a private mapping reads zero, and not the file's content once more."""
    size = 1 << 20
    file.write_bytes(b"x" * size)
    with file.open("r+b") as opened:
        mapping = mmap.mmap(opened.fileno(), size, flags=mmap.MAP_PRIVATE)
    view = (ctypes.c_char * size).from_buffer(mapping)
    return cleared(base, base.ggml_backend_cpu_buffer_from_ptr(ctypes.addressof(view), size), size, 0)


def context(llama: object, path: str) -> dict[str, object]:
    """What a large context adds to the anonymous memory, its nominal size, and the answers it gives."""
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    parameters = llama.llama_context_default_params()
    parameters.n_ctx, parameters.n_threads, parameters.n_threads_batch = CONTEXT, 1, 1
    before = anonymous()
    made = llama.llama_init_from_model(model, parameters)
    new = anonymous() - before
    heads = llama.llama_model_n_head_kv(model) * llama.llama_model_n_embd(model) // llama.llama_model_n_head(model)
    nominal = 2 * 2 * CONTEXT * llama.llama_model_n_layer(model) * heads
    answers = []
    for _ in range(2):
        answers.append(decode(llama, model, made, 8))
        llama.llama_memory_clear(llama.llama_get_memory(made), True)
    return {"new_bytes": new, "nominal_bytes": nominal, "answers": answers}


def anonymous() -> int:
    """Bytes of private memory that this process has touched."""
    return field("/proc/self/status", "RssAnon") * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
