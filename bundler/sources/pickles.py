"""Refuses Python pickles: a file that is one could run any program when it is loaded, so nothing here ever does."""

from pathlib import Path

from runtime.errors import ModelUnsupported

ENDINGS = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"})
"""Names under which pickled weights are passed on; a file called so may still be something else."""

REASON = "it is a Python pickle, which could run any program; save it as safetensors and name that folder"

_BARE = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
"""How a bare pickle begins: the opcode PROTO and its version."""


def refuse(path: Path, beginning: bytes) -> None:
    """Raises: ModelUnsupported if a file called `path` that begins so is a pickle, or is called like one."""
    if beginning.startswith(_BARE) or (path.suffix.lower() in ENDINGS and not beginning.startswith(b"GGUF")):
        raise ModelUnsupported(path, REASON)


def is_archive_of_torch(names: list[str]) -> bool:
    """Whether a zip with members of these names is what `torch.save` writes."""
    return any(name == "data.pkl" or name.endswith("/data.pkl") for name in names)
