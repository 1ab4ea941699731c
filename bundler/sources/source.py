"""The two stages of finding weights: located, which costs nothing and is what `--dry-run` shows, and obtained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundler.content import Content
from bundler.recipe import LicenseText
from runtime.gguf import Gguf

Progress = Callable[[str, int, int], None]
"""Called with (what, bytes done, bytes in all)."""


@dataclass(frozen=True)
class Provenance:
    """Where a model came from, as the manifest tells: nothing of this computer, so that two builds are alike.

    source: `hf:org/repo`, an address without its query, or a file's name. revision: the commit of a hub.
    files: sha256 in hex by name, of what was read. steps: what was done to it, in order, each with its settings and
    the version of what did it, as `{"step": "quantize", "type": "q4_k_m", "engine": "llama-cpp-python 0.3.36"}`.
    """

    source: str
    revision: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Mapping[str, Any], ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON has it, without what is empty."""
        table = {"source": self.source, "revision": self.revision, "files": dict(self.files)}
        return {key: value for key, value in {**table, "steps": [dict(step) for step in self.steps]}.items() if value}


@dataclass(frozen=True)
class Source:
    """A GGUF that can be packed: its bytes, its header, what it is called, and where it came from.

    license: what is known of it beyond what the header says; None: nothing. licenses: texts that lay beside it.
    """

    content: Content
    file: Gguf
    name: str
    license: str | None
    provenance: Provenance
    licenses: tuple[LicenseText, ...] = ()


@dataclass(frozen=True)
class Located:
    """Files that are there to be had. size_bytes: of all that would be fetched or read; None: not known.

    is_here: nothing needs to be downloaded. fetch: brings them, and returns the file, or the folder of a model in
    safetensors (is_folder). provenance: as far as it is known before. note: what people should know of how it was
    found, a whole sentence. texts: the folder that holds its licence files once it is fetched, unless it is one
    itself. Raises of `fetch`: DownloadFailed, DiskFull.
    """

    text: str
    size_bytes: int | None
    is_here: bool
    fetch: Callable[[Progress], Path]
    provenance: Provenance
    license: str | None = None
    name: str = ""
    is_folder: bool = False
    note: str = ""
    texts: Path | None = None
