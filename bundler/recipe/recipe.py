"""The recipe of an executable, from wherever it was read: every reader makes one of these, and `build` takes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

Setting = str | int | float | bool | tuple[str, ...]
"""The value of a flag of the executable; True is a switch that is on, a tuple is a flag that is given several times."""


class WantedModel(NamedTuple):
    """One model. `source` is a path, a known name, `hf:org/repo[:quant]` or `https://…`.

    role: chat, embed, rerank, draft or mmproj; empty: what the file was made for. name: what requests call it; empty:
    its file's. quantize: the type to quantise to, as `q4_k_m`; empty: as it is, or f16 for what is converted.
    imatrix: an importance matrix for that. sha256: of the file at an address, in hex. license: overrides the model's.
    """

    source: str
    role: str = ""
    name: str = ""
    quantize: str = ""
    imatrix: Path | None = None
    sha256: str = ""
    license: str = ""


class WantedAdapter(NamedTuple):
    """One LoRA adapter: a GGUF or a PEFT folder. scale: its weight in every answer; 0: only where a request asks."""

    source: str
    name: str = ""
    scale: float = 0.0


class Message(NamedTuple):
    """One message of the conversation that stands before every other."""

    role: Literal["user", "assistant"]
    content: str


class LicenseText(NamedTuple):
    """A licence that is packed besides those that are known; name: of its file, as `LICENSE` or `LICENSE.md`."""

    name: str
    text: str


@dataclass(frozen=True)
class Recipe:
    """What to build. Paths are as they can be opened now: a reader has resolved them against its own file.

    defaults: flags of the executable without their dashes, in the order given, as `{"ctx-size": 4096}`; the user's own
    flags win. chat_template: Jinja in place of the main model's own; empty: its own. bake: compute the system prompt
    now. sidecar: weights in a file beside the executable.
    """

    models: tuple[WantedModel, ...]
    adapters: tuple[WantedAdapter, ...] = ()
    name: str = ""
    version: str = ""
    icon: Path | None = None
    color: str = ""
    greeting: str = ""
    system_prompt: str = ""
    starters: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    chat_template: str = ""
    defaults: Mapping[str, Setting] = field(default_factory=dict)
    licenses: tuple[LicenseText, ...] = ()
    targets: tuple[str, ...] = ()
    output: Path | None = None
    bake: bool = False
    sidecar: bool = False
