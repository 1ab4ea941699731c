"""Loads every engine library into one process and meets errors in each, as JSON; a process of its own.

    python errors_probe.py ENGINE MODEL FOLDER

llama.cpp reports errors by C++ exceptions inside its libraries. Each must be caught where upstream catches
it, whatever else is loaded: a C++ runtime that another library replaced would end this process instead.
"""

import ctypes
import json
import sys
from pathlib import Path


def main(engine: str, model: str, folder: str) -> None:
    """Load, provoke and print what came back."""
    libraries = sorted((Path(engine) / "llama_cpp" / "lib").iterdir())
    loaded = [ctypes.CDLL(str(path)) for path in libraries]
    sys.path.insert(0, engine)
    import llama_cpp.llama_cpp as llama
    import llama_cpp.mtmd_cpp as mtmd
    from load_probe import start_backends

    silent = llama.llama_log_callback(lambda level, text, data: None)
    llama.llama_log_set(silent, None)
    mtmd.mtmd_log_set(silent, None)
    start_backends(Path(engine))

    opened = {}
    for name, path in damaged(Path(model), Path(folder)).items():
        handle = llama.llama_model_load_from_file(str(path).encode(), llama.llama_model_default_params())
        opened[name] = bool(handle)
    vocabulary = llama.llama_model_get_vocab(handle)
    grammar = {
        name: bool(llama.llama_sampler_init_grammar(vocabulary, text, b"root"))
        for name, text in {"broken": b'root ::= "a" [', "sound": b'root ::= "a"'}.items()
    }
    projector = mtmd.mtmd_init_from_file(model.encode(), handle, mtmd.mtmd_context_params_default())
    facts = {"loaded": [library._name for library in loaded], "opened": opened, "grammar": grammar}
    print(json.dumps(facts | {"projector": bool(projector)}))


def damaged(model: Path, folder: Path) -> dict[str, Path]:
    """Files that fail at different depths of the loader, and at the end one that does not."""
    sound = model.read_bytes()
    contents = {
        "not a GGUF": b"text" * 4096,
        "truncated": sound[: len(sound) // 2],
        "unknown architecture": sound.replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0nosuc", 1),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents} | {"sound": model}


if __name__ == "__main__":
    main(*sys.argv[1:])
