"""Converts an adapter as PEFT writes it: it needs its model's GGUF, and no environment."""

from pathlib import Path

from runtime import gguf
from runtime.adapters import peft
from runtime.adapters.check import check_adapter
from runtime.adapters.peft_config import is_peft
from runtime.errors import UsageError

__all__ = ["convert", "is_peft", "refuse_base"]


def convert(folder: Path, base: Path | None, target: Path) -> None:
    """Write the adapter in `folder`, made for the model `base`, to `target`, and hold it against the model.

    Raises: UsageError without a base; ModelNotFound, ModelInvalid, AdapterInvalid, AdapterUnsupported; OSError.
    """
    if base is None:
        raise UsageError(f"Converting the adapter `{folder}`: name the model it was made for with --base MODEL.gguf.")
    model = gguf.read(base)
    with target.open("w+b") as file:
        peft.convert(folder, model, file)
    check_adapter(target, 0, 0, model)


def refuse_base(base: Path | None, folder: Path) -> None:
    """Raises: UsageError for a base where there is no adapter."""
    if base is not None:
        raise UsageError(f"Converting `{folder}`: --base is for adapters, and there is no adapter_config.json in it.")
