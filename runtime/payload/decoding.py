"""Reads a manifest's JSON, believing nothing before it was looked at.

Keys that this version does not know are ignored, so that format 1 can grow; another format
number is refused, and so is every value of another kind. What the values mean together is
held against the file by runtime/payload/checks.py.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from runtime.payload.assistant import Assistant
from runtime.payload.checks import check
from runtime.payload.manifest import (
    FORMAT,
    MAX_MEMBERS,
    MAX_SCALE,
    Adapter,
    Manifest,
    Member,
    Model,
    Sidecar,
    Span,
    State,
    is_safe,
)

MAX_NUMBER = 1 << 63

Kind = TypeVar("Kind")


def decode(data: bytes, end: int) -> Manifest:
    """Read the JSON of a manifest that begins at byte `end` of the file. Raises: ValueError with the reason."""
    try:
        table = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its manifest is not JSON: {error}") from error
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        found = table.get("format") if isinstance(table, dict) else None
        raise ValueError(f"its manifest has format {found}, and this lmfile reads {FORMAT}")
    manifest = Manifest(
        format=FORMAT,
        lmfile=_get(table, "lmfile", str),
        name=_get(table, "name", str),
        target=_get(table, "target", str),
        created=_size(table, "created"),
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
    check(manifest, end)
    return manifest


def _get(table: dict[str, Any], key: str, kind: type[Kind]) -> Kind:
    value = table.get(key)
    if type(value) is not kind:
        raise ValueError(f"its manifest has no {kind.__name__} `{key}`")
    return value


def _size(table: dict[str, Any], key: str) -> int:
    number = _get(table, key, int)
    if not 0 <= number < MAX_NUMBER:
        raise ValueError(f"its manifest has a `{key}` that is negative or too large")
    return number


def _digest(table: dict[str, Any], key: str = "sha256") -> str:
    text = _get(table, key, str)
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ValueError(f"its manifest has a `{key}` that is not 64 hex digits")
    return text


def _span(table: dict[str, Any]) -> Span:
    return Span(_size(table, "offset"), _size(table, "size"), _digest(table))


def _member(table: dict[str, Any]) -> Member:
    path = _get(table, "path", str)
    if not is_safe(path):
        raise ValueError(f"its manifest names the impossible member {path!r}")
    defaults = {"aside": False, "crc32": 0, **table}
    crc32 = _size(defaults, "crc32")
    if crc32 >= 1 << 32:
        raise ValueError("its manifest has a `crc32` of more than 32 bits")
    return Member(path, _get(table, "role", str), *_span(table), _get(defaults, "aside", bool), crc32)


def _sidecar(table: dict[str, Any]) -> Sidecar | None:
    if "sidecar" not in table:
        return None
    found = _get(table, "sidecar", dict)
    name = _get(found, "name", str)
    if not is_safe(name) or "/" in name:
        raise ValueError(f"its manifest names the impossible sidecar {name!r}")
    return Sidecar(name, _size(found, "size"), _digest(found, "identity"))


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
