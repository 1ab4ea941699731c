"""Runs llama.cpp's converter on a stranger's folder: none of its code is run, no pickle read, nobody called.

Runs inside the isolated environment; reads {"code", "folder", "output", "type", "name", "flags"} as JSON from stdin.
The converter asks transformers to trust the code of a folder. Here it never is: where transformers has the class
itself, that is taken, and otherwise the conversion ends. Interpreter-wide, an audit hook refuses connections, programs
and pickles.

What the converter writes follows from the content: it would fall back to the folder's name, which is a place.
"""

import runpy
import sys
from pathlib import Path
from typing import Any, NoReturn

import leash

FORBIDDEN = {
    "socket.connect": "opened a connection",
    "socket.getaddrinfo": "looked up an address",
    "socket.gethostbyname": "looked up an address",
    "socket.sendto": "sent a packet",
    "subprocess.Popen": "started a program",
    "os.system": "started a program",
    "os.exec": "started a program",
    "os.fork": "started a process",
    "os.forkpty": "started a process",
    "os.posix_spawn": "started a program",
    "os.spawn": "started a program",
    "os.startfile": "started a program",
    "pickle.find_class": "read a pickle",
}


def main() -> None:
    """Do the job on stdin."""
    job = leash.job()
    sys.path[:0] = [job["code"], f"{job['code']}/gguf-py"]
    sys.addaudithook(_refuse)
    _distrust()
    _forget_places(job["name"])
    named = ["--model-name", job["name"]] if job["name"] else []
    sys.argv = ["convert_hf_to_gguf.py", job["folder"], "--outfile", job["output"], "--outtype", job["type"]]
    sys.argv += [*named, *job["flags"]]
    runpy.run_path(f"{job['code']}/convert_hf_to_gguf.py", run_name="__main__")


def _refuse(event: str, _arguments: tuple[Any, ...]) -> None:
    if event in FORBIDDEN:
        raise PermissionError(f"the conversion would have {FORBIDDEN[event]}, which it may not")


def _distrust() -> None:
    """Before transformers imports these functions anywhere else."""
    from transformers import dynamic_module_utils

    def resolve(
        _trusted: object, _name: object, has_local_code: bool, has_remote_code: bool, *_: object, **__: object
    ) -> bool:
        if has_remote_code and not has_local_code:
            _stop()
        return False

    def get_class(*_: object, **__: object) -> NoReturn:
        _stop()

    dynamic_module_utils.resolve_trust_remote_code = resolve
    dynamic_module_utils.get_class_from_dynamic_module = get_class


def _stop() -> NoReturn:
    raise ValueError("the model needs Python code of its own folder, which is never run; use a GGUF of it")


def _forget_places(name: str) -> None:
    """Facts are taken from the model card and the configuration, and from `name` where somebody gave one."""
    import gguf

    found = gguf.Metadata.apply_metadata_heuristic
    add_name = gguf.GGUFWriter.add_name

    def heuristic(metadata: Any, card: Any = None, config: Any = None, _path: Any = None, parameters: int = 0) -> Any:
        metadata = found(metadata, card, None if name else config, Path(name) if name else None, parameters)
        metadata.name = metadata.name or ""  # else the converter takes the folder's
        return metadata

    def add(writer: Any, text: str) -> None:
        if text:
            add_name(writer, text)

    gguf.Metadata.apply_metadata_heuristic = staticmethod(heuristic)
    gguf.GGUFWriter.add_name = add


if __name__ == "__main__":
    main()
