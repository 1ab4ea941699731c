"""What differs between two executables, from their manifests alone: no weights are read.

Offsets differ whenever anything in front of them does, and are none of the differences.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from runtime.payload import Member, Payload

SECTIONS = ("about", "runtime", "models", "adapters", "states", "assistant", "defaults", "members")

Table = Mapping[str, Any]


class Difference(NamedTuple):
    """`place` within one of SECTIONS, as `models/chat.gguf license`; what A has there, what B has; None: nothing."""

    section: str
    place: str
    a: Any
    b: Any


def differences(a: Payload, b: Payload) -> list[Difference]:
    """All that differs, in the order in which people ask."""
    found = []
    for section, one, other in zip(SECTIONS, _sections(a), _sections(b), strict=True):
        found += [Difference(section, *each) for each in _between(one, other)]
    return found


def _between(a: Table, b: Table, before: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Place and both values, wherever two tables differ; a table that only one has is one difference."""
    for key in [*a, *(key for key in b if key not in a)]:
        one, other, place = a.get(key), b.get(key), f"{before} {key}".strip()
        if isinstance(one, Mapping) and isinstance(other, Mapping) and not _is_member(one):
            yield from _between(one, other, place)
        elif one != other:
            yield place, one, other


def _is_member(value: Table) -> bool:
    """Whether size and hash are all there is: they change together."""
    return value.keys() == {"size", "sha256"}


def _sections(payload: Payload) -> Iterator[Table]:
    manifest: dict[str, Any] = json.loads(payload.manifest_bytes)
    members = {member.path: member for member in payload.manifest.members}
    rows = {key: manifest.get(key, []) for key in ("models", "adapters", "states")}
    yield {
        **{key: manifest[key] for key in ("name", "version", "lmfile", "target", "created") if manifest.get(key)},
        **({"sidecar": manifest["sidecar"]["name"]} if "sidecar" in manifest else {}),
        **({"signature": "present"} if payload.signature else {}),
        "launcher": payload.manifest.launcher.sha256,
    }
    yield manifest["runtime"]
    yield _records(rows["models"], "path", members)
    yield _records(rows["adapters"], "name", members)
    yield _records(rows["states"], "path", members)
    yield {key: value for key, value in manifest.get("assistant", {}).items() if value}
    yield manifest["defaults"]
    told = {row["path"] for table in rows.values() for row in table}
    yield {path: _held(member) for path, member in members.items() if path not in told}


def _records(rows: Sequence[Table], name: str, members: Mapping[str, Member]) -> Table:
    """The records of one kind by their name, each with size and hash of its member."""
    return {row[name]: {**row, **_held(members.get(row["path"]))} for row in rows}


def _held(member: Member | None) -> dict[str, Any]:
    return {"size": member.size, "sha256": member.sha256} if member else {}
