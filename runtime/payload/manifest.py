"""The manifest: what an executable holds, as typed records read from its JSON.

Every offset is held against the file before it is believed. Keys that this version does
not know are ignored, so that format 1 can grow; another format number is refused.
Records are NamedTuples: `dataclasses` would cost every start 5 ms of imports.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from runtime.payload.assistant import MAX_ICON_BYTES, Assistant

FORMAT = 1
MANIFEST_NAME = "manifest.json"
RUNTIME_NAME = "runtime.tar.zst"
APP_PREFIX = "app/"
MAX_SCALE = 1e6  # of an adapter
MAX_MEMBERS = 65_000  # below the count at which a zip needs another end record

Kind = TypeVar("Kind")


class Span(NamedTuple):
    """A range of the file, in bytes; `sha256` in hex."""

    offset: int
    size: int
    sha256: str


class Member(NamedTuple):
    """One member's data. aside: `offset` counts in the sidecar, and not in the executable.

    `role`: runtime, app, icon, model, mmproj, adapter, state, license, sbom.
    """

    path: str
    role: str
    offset: int
    size: int
    sha256: str
    aside: bool = False


class Sidecar(NamedTuple):
    """The file beside the executable that holds the members `aside`; `name` as it was written, `sha256` of it all."""

    name: str
    size: int
    sha256: str


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

    @classmethod
    def decode(cls, data: bytes, end: int) -> "Manifest":
        """Read the JSON of a manifest that begins at byte `end` of the file. Raises: ValueError with the reason."""
        try:
            table = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"its manifest is not JSON: {error}") from error
        if not isinstance(table, dict) or table.get("format") != FORMAT:
            found = table.get("format") if isinstance(table, dict) else None
            raise ValueError(f"its manifest has format {found}, and this lmfile reads {FORMAT}")
        manifest = cls(
            format=FORMAT,
            lmfile=_get(table, "lmfile", str),
            name=_get(table, "name", str),
            target=_get(table, "target", str),
            created=_get(table, "created", int),
            launcher=_span({"offset": 0, **_get(table, "launcher", dict)}),
            app=_span(_get(table, "app", dict)),
            runtime=_get(table, "runtime", dict),
            members=_records(table, "members", _member),
            models=_records(table, "models", _model),
            adapters=_records({"adapters": [], **table}, "adapters", _adapter),
            defaults=_get(table, "defaults", dict),
            assistant=_assistant(_get({"assistant": {}, **table}, "assistant", dict)),
            version=_get({"version": "", **table}, "version", str),
            sidecar=_sidecar(table),
            states=_records({"states": [], **table}, "states", _state),
        )
        _check(manifest, end)
        return manifest


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
        return {key: _plain(field) for key, field in value._asdict().items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: _plain(field) for key, field in _said(value).items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _get(table: dict[str, Any], key: str, kind: type[Kind]) -> Kind:
    value = table.get(key)
    if type(value) is not kind:
        raise ValueError(f"its manifest has no {kind.__name__} `{key}`")
    return value


def _size(table: dict[str, Any], key: str) -> int:
    number = _get(table, key, int)
    if number < 0:
        raise ValueError(f"its manifest has a negative `{key}`")
    return number


def _digest(table: dict[str, Any]) -> str:
    text = _get(table, "sha256", str)
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ValueError("its manifest has a `sha256` that is not 64 hex digits")
    return text


def _span(table: dict[str, Any]) -> Span:
    return Span(_size(table, "offset"), _size(table, "size"), _digest(table))


def _member(table: dict[str, Any]) -> Member:
    path = _get(table, "path", str)
    if not is_safe(path):
        raise ValueError(f"its manifest names the impossible member {path!r}")
    return Member(path, _get(table, "role", str), *_span(table), _get({"aside": False, **table}, "aside", bool))


def _sidecar(table: dict[str, Any]) -> Sidecar | None:
    if "sidecar" not in table:
        return None
    found = _get(table, "sidecar", dict)
    name = _get(found, "name", str)
    if not is_safe(name) or "/" in name:
        raise ValueError(f"its manifest names the impossible sidecar {name!r}")
    return Sidecar(name, _size(found, "size"), _digest(found))


def _state(table: dict[str, Any]) -> State:
    texts = {key: _get(table, key, str) for key in ("path", "model", "model_sha256", "engine", "settings")}
    return State(tokens=_size(table, "tokens"), **texts)


def _model(table: dict[str, Any]) -> Model:
    texts = {key: _get(table, key, str) for key in ("role", "path", "architecture", "name", "file_type", "license")}
    provenance = _get({"provenance": {}, **table}, "provenance", dict)
    parameters, context_length = _size(table, "parameters"), _size(table, "context_length")
    return Model(parameters=parameters, context_length=context_length, provenance=provenance, **texts)


def _adapter(table: dict[str, Any]) -> Adapter:
    name, path, architecture = (_get(table, key, str) for key in ("name", "path", "architecture"))
    scale = table.get("scale")
    if not isinstance(scale, int | float) or isinstance(scale, bool) or not -MAX_SCALE <= scale <= MAX_SCALE:
        raise ValueError("its manifest has an adapter without a `scale`")
    return Adapter(name, path, architecture, _size(table, "rank"), _size(table, "parameters"), float(scale))


def _assistant(table: dict[str, Any]) -> Assistant:
    try:
        return Assistant.read(table)
    except ValueError as error:
        raise ValueError(f"its manifest's `assistant` cannot be read: {error}") from error


def _records(table: dict[str, Any], key: str, read: Callable[[dict[str, Any]], Kind]) -> tuple[Kind, ...]:
    rows = _get(table, key, list)
    if len(rows) > MAX_MEMBERS or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"its manifest's `{key}` is not a list of records")
    return tuple(read(row) for row in rows)


def _check(manifest: Manifest, end: int) -> None:
    """Members in file order without overlap, before the manifest; spans and models that name what is there."""
    _check_order(manifest.members, manifest.launcher.size, end)
    paths = {member.path for member in manifest.members}
    if len(paths) != len(manifest.members):
        raise ValueError("its manifest names a member twice")
    app = [member for member in manifest.members if member.path.startswith(APP_PREFIX)]
    app_end = manifest.app.offset + manifest.app.size
    if app_end > end or not all(manifest.app.offset <= member.offset <= app_end - member.size for member in app):
        raise ValueError("its manifest has an app span that is not that of the app members")
    icon = next((member for member in manifest.members if member.path == manifest.assistant.icon), None)
    if icon and icon.size > MAX_ICON_BYTES:
        raise ValueError(f"its manifest has an icon of {icon.size} bytes, more than {MAX_ICON_BYTES}")
    named = [*(model.path for model in manifest.models), *(adapter.path for adapter in manifest.adapters)]
    for path in [*named, *filter(None, [manifest.assistant.icon])]:
        if path not in paths:
            raise ValueError(f"its manifest names `{path}`, which is no member")


def _check_order(members: Sequence[Member], start: int, end: int) -> None:
    for member in members:
        if member.offset < start or member.offset + member.size > end:
            raise ValueError(f"its manifest puts `{member.path}` where it cannot be")
        start = member.offset + member.size
