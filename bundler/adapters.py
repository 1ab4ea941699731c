"""The adapters of a build, as members of the executable.

A PEFT folder is converted here, so that the executable holds GGUF alone; the bytes follow
from the folder and the model. Every adapter is held against the model before it is packed.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bundler.container import Part
from bundler.paths import is_there
from bundler.recipe import WantedAdapter, WantedModel
from bundler.sources import Located, Provenance, obtain
from bundler.sources.source import Progress
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


def packed(wanted: Sequence[WantedAdapter], base: Gguf, progress: Progress) -> Packed:
    """Fetch, read, convert and check the adapters `wanted` for the model `base`.

    Raises: UsageError for a name that stands twice; AdapterNotFound, AdapterInvalid, AdapterUnsupported;
    DownloadFailed.
    """
    result = Packed([], [])
    for one in wanted:
        located = locate(one)
        path = located.fetch(progress)
        name = one.name or adapter_name(Path(located.name) if located.name else path.resolve())
        if any(record.name == name for record in result.records):
            raise UsageError(
                f"Packing the adapter `{one.source}`: another one is called `{name}`; write NAME={one.source}."
            )
        content, facts = _gguf(path, base)
        member = f"adapters/{name}.gguf"
        result.parts.append(Part(member, ROLE, content))
        result.records.append(Adapter(name, member, facts.architecture, facts.rank, facts.parameters, one.scale))
    return result


def locate(wanted: WantedAdapter) -> Located:
    """Find an adapter: here, on a hub or at an address. Raises: AdapterNotFound, ModelNotFound, DownloadFailed."""
    if wanted.source.startswith((obtain.HUB, *obtain.ADDRESSES)):
        return obtain.locate(WantedModel(wanted.source))
    if not is_there(wanted.source):
        raise AdapterNotFound(wanted.source)
    path = Path(wanted.source).expanduser()
    files = [file for file in path.iterdir() if file.suffix == ".safetensors"] if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files)
    return Located(
        text=wanted.source,
        size_bytes=size,
        is_here=True,
        fetch=lambda _progress: path,
        provenance=Provenance(path.name),
        is_folder=path.is_dir(),
    )


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
