"""What goes into one executable: its members-to-be, and the facts that its manifest tells."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bundler.content import Content, size_bytes
from runtime.payload import Adapter, Assistant, Model, State


class Late(NamedTuple):
    """What is known only when all else is written: `size` bytes that `make` gives for the sha256 of members by path."""

    size: int
    make: Callable[[Mapping[str, str]], bytes]


@dataclass(frozen=True)
class Part:
    """One member to be: its name in the executable, its role there, and what it will hold."""

    path: str
    role: str
    content: Content | Late

    @property
    def size(self) -> int:
        """In bytes, now."""
        return self.content.size if isinstance(self.content, Late) else size_bytes(self.content)


@dataclass(frozen=True)
class Contents:
    """What goes into one executable; `runtime` are the facts that the manifest tells about the image.

    version: of the lmfile that packs; publisher_version: the publisher's own. sidecar: whether weights go
    into a file beside the executable; None: only where its system would not start it otherwise.
    """

    name: str
    target: str
    version: str
    launcher: Content
    parts: Sequence[Part]
    runtime: Mapping[str, Any]
    runtime_unpacked: int
    models: Sequence[Model]
    adapters: Sequence[Adapter] = ()
    assistant: Assistant = field(default_factory=Assistant)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    created: int = 0
    publisher_version: str = ""
    states: Sequence[State] = ()
    sidecar: bool | None = None
