"""The manifest: what an executable holds, as typed records, and the JSON that they become.

runtime/payload/decoding.py reads the JSON. Records are NamedTuples: `dataclasses` would cost
every start 5 ms of imports. Fields with a value here are absent from the JSON where they have it.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from runtime.payload.assistant import Assistant

FORMAT = 1
MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "signature.minisig"
RUNTIME_NAME = "runtime.tar.zst"
APP_PREFIX = "app/"
MAX_SCALE = 1e6  # of an adapter
MAX_MEMBERS = 65_000  # below the count at which a zip needs another end record


class Span(NamedTuple):
    """A range of the file, in bytes; `sha256` in hex."""

    offset: int
    size: int
    sha256: str


class Member(NamedTuple):
    """One member's data. aside: `offset` counts in the sidecar, and not in the executable.

    crc32: of what lies aside; for all else the zip's directory says it.

    `role`: runtime, app, icon, model, mmproj, adapter, state, license, sbom.
    """

    path: str
    role: str
    offset: int
    size: int
    sha256: str
    aside: bool = False
    crc32: int = 0


class Sidecar(NamedTuple):
    """The file beside the executable that holds the members `aside`: runtime/payload/sidecar.py.

    `name` as it was written. identity: a sha256 over what lies in it; the file itself begins with it, too.
    """

    name: str
    size: int
    identity: str


class Model(NamedTuple):
    """One model; `path` is its member's. `context_length` in tokens, as trained."""

    role: str
    path: str
    architecture: str
    name: str
    parameters: int
    context_length: int
    file_type: str
    license: str
    provenance: Mapping[str, Any] = {}
    """Where it came from and what was done to it, for people and programs that ask; a start reads none of it."""


class State(NamedTuple):
    """The computed memory of a beginning that conversations share; `path` is its member's, `model` its model's.

    engine, settings: what it was computed with; another one computes the beginning anew. tokens: how many it covers.
    """

    path: str
    model: str
    model_sha256: str
    engine: str
    settings: str
    tokens: int


class Adapter(NamedTuple):
    """One LoRA adapter; `path` is its member's.

    scale: its weight in answers to requests that say nothing about adapters; 0: only those that ask for it get it.
    """

    name: str
    path: str
    architecture: str
    rank: int
    parameters: int
    scale: float


class Manifest(NamedTuple):
    """`created` is in seconds since 1970; `app` spans the app members, headers included.

    version: the publisher's own, of this executable; empty: not said.
    """

    format: int
    lmfile: str
    name: str
    target: str
    created: int
    launcher: Span
    app: Span
    runtime: dict[str, Any]
    members: tuple[Member, ...]
    models: tuple[Model, ...]
    adapters: tuple[Adapter, ...]
    defaults: dict[str, Any]
    assistant: Assistant = Assistant()
    version: str = ""
    sidecar: Sidecar | None = None
    states: tuple[State, ...] = ()

    def encode(self) -> bytes:
        """The manifest's JSON: sorted keys, one line per record's field, UTF-8."""
        plain = {key: _plain(value) for key, value in _said(self).items()}
        return json.dumps(plain, sort_keys=True, ensure_ascii=False, indent=1).encode() + b"\n"


def is_safe(path: str) -> bool:
    """Whether a member may have this name: relative, no `..`, no drive, no backslash, no control characters."""
    return (
        0 < len(path.encode("utf-8", "surrogatepass")) <= 1000
        and path.isprintable()
        and not set(path) & set('\\:*?"<>|')
        and all(part not in ("", ".", "..") for part in path.split("/"))
    )


def _said(record: Any) -> dict[str, object]:
    """The fields of a record without those that may be absent and are."""
    usual = record._field_defaults
    return {key: value for key, value in record._asdict().items() if key not in usual or value != usual[key]}


def _plain(value: object) -> object:
    if isinstance(value, Assistant):
        fields = value._asdict().items()
        return {key: _plain(field) for key, field in fields if field or key != "messages"}  # as before there were any
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: _plain(field) for key, field in _said(value).items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
