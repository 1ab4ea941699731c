"""The adapters of a build, as members of the executable.

A PEFT folder is converted here, so that the executable holds GGUF alone; the bytes follow
from the folder and the model. Every adapter is held against the model before it is packed.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bundler.container import Part
from bundler.recipe import WantedAdapter
from runtime.adapters import peft
from runtime.adapters.catalogue import adapter_name
from runtime.adapters.check import AdapterFacts, check_adapter
from runtime.adapters.peft_config import is_peft
from runtime.errors import AdapterNotFound, UsageError
from runtime.gguf import Gguf
from runtime.payload import Adapter

ROLE = "adapter"


class Packed(NamedTuple):
    """The members, and what the manifest says about them, in the order of the command line."""

    parts: list[Part]
    records: list[Adapter]


def packed(wanted: Sequence[WantedAdapter], base: Gguf) -> Packed:
    """Read, convert and check the adapters `wanted` for the model `base`.

    Raises: UsageError for a name that stands twice; AdapterNotFound, AdapterInvalid, AdapterUnsupported.
    """
    result = Packed([], [])
    for one in wanted:
        path = path_of(one)
        name = one.name or adapter_name(path.resolve())
        if any(record.name == name for record in result.records):
            raise UsageError(f"Packing the adapter `{path}`: another one is called `{name}`; write NAME={path}.")
        content, facts = _gguf(path, base)
        member = f"adapters/{name}.gguf"
        result.parts.append(Part(member, ROLE, content))
        result.records.append(Adapter(name, member, facts.architecture, facts.rank, facts.parameters, one.scale))
    return result


def path_of(wanted: WantedAdapter) -> Path:
    """Where an adapter lies. Raises: AdapterNotFound."""
    path = Path(wanted.source).expanduser()
    if not path.exists():
        raise AdapterNotFound(wanted.source)
    return path


def _gguf(path: Path, base: Gguf) -> tuple[Path | bytes, AdapterFacts]:
    """The adapter as GGUF, checked: the file itself, or what a folder is converted to."""
    if not path.is_dir():
        return path, check_adapter(path, 0, 0, base)
    if not is_peft(path):
        raise AdapterNotFound(path, "the folder holds no adapter_config.json")
    with tempfile.TemporaryDirectory(prefix="lmfile-") as folder:
        converted = Path(folder) / "adapter.gguf"
        with converted.open("w+b") as file:
            peft.convert(path, base, file)
        return converted.read_bytes(), check_adapter(converted, 0, 0, base)
