"""The adapters of a build: what `--adapter [NAME=]PATH[:SCALE]` means, as members of the executable.

A PEFT folder is converted here, so that the executable holds GGUF alone; the bytes follow
from the folder and the model. Every adapter is held against the model before it is packed.
"""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bundler.container import Part
from runtime.adapters import peft
from runtime.adapters.catalogue import adapter_name
from runtime.adapters.check import AdapterFacts, check_adapter
from runtime.adapters.peft_config import is_peft
from runtime.errors import AdapterNotFound, UsageError
from runtime.gguf import Gguf
from runtime.payload import Adapter
from runtime.payload.manifest import MAX_SCALE

ROLE = "adapter"

_SCALED = re.compile(r"(.+):(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)")
_NAMED = re.compile(r"([A-Za-z0-9_.+@-]{1,64})=(.+)")


class Packed(NamedTuple):
    """The members, and what the manifest says about them, in the order of the command line."""

    parts: list[Part]
    records: list[Adapter]


def packed(wanted: Sequence[str], base: Gguf) -> Packed:
    """Read, convert and check the adapters `wanted` for the model `base`.

    Raises: UsageError for a name that stands twice; AdapterNotFound, AdapterInvalid, AdapterUnsupported.
    """
    result = Packed([], [])
    for text in wanted:
        name, path, scale = _split(text)
        if any(record.name == name for record in result.records):
            raise UsageError(f"Packing the adapter `{path}`: another one is called `{name}`; write NAME={path}.")
        content, facts = _gguf(path, base)
        member = f"adapters/{name}.gguf"
        result.parts.append(Part(member, ROLE, content))
        result.records.append(Adapter(name, member, facts.architecture, facts.rank, facts.parameters, scale))
    return result


def _split(text: str) -> tuple[str, Path, float]:
    """NAME, PATH and SCALE of what was written; a path that exists as it stands is taken as it stands."""
    scale, name, rest = 0.0, "", text
    if not Path(rest).exists() and (found := _SCALED.fullmatch(rest)):
        rest, scale = found[1], _scale(text, found[2])
    if not Path(rest).exists() and (found := _NAMED.fullmatch(rest)):
        name, rest = found[1], found[2]
    path = Path(rest).expanduser()
    if not path.exists():
        raise AdapterNotFound(rest)
    return name or adapter_name(path.resolve()), path, scale


def _scale(text: str, number: str) -> float:
    try:
        scale = float(number)
    except ValueError:
        scale = float("nan")
    if not -MAX_SCALE <= scale <= MAX_SCALE:
        raise UsageError(f"Packing the adapter `{text}`: `{number}` is not a weight; write it as PATH:0.5.")
    return scale


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
