"""`lmfile diff`: shows what differs between two executables, for people or as JSON."""

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bundler.console import Console
from bundler.differences import SECTIONS, Difference, differences
from bundler.executable import open_executable
from bundler.explain import plain

EQUAL, DIFFERENT = 0, 1
"""Exit codes, as those of `diff`."""

CONTEXT_LINES = 1
WIDTH = 28
SHOWN = 60
"""Characters of a value."""

MANY = 8
"""Members of one folder from which on they are counted."""

_LONG = ("system_prompt", "greeting", "chat-template")
"""Texts that are compared line by line."""


def diff(a: Path, b: Path, as_json: bool, console: Console) -> int:
    """Print what differs and return the exit code. Raises: UsageError, PayloadDamaged."""
    found = differences(open_executable(a), open_executable(b))
    if as_json:
        rows = [each._asdict() for each in found]
        console.result(plain.as_json({"a": str(a), "b": str(b), "equal": not found, "differences": rows}))
    elif not found:
        console.result(f"{a} and {b} hold the same.")
    else:
        for line in _page(found):
            console.result(line)
    return DIFFERENT if found else EQUAL


def _page(found: Sequence[Difference]) -> Iterator[str]:
    for section in SECTIONS:
        rows = [each for each in found if each.section == section]
        if rows:
            yield section
            yield from (f"  {line}" for line in (_members(rows) if section == "members" else _values(rows)))


def _values(rows: Sequence[Difference]) -> Iterator[str]:
    for _, place, a, b in rows:
        name = plain.line(place)
        if place in _LONG and isinstance(a, str) and isinstance(b, str):
            yield name
            yield from (f"  {line}" for line in _lines(a, b))
        elif a is None or b is None:
            yield f"{name:<{WIDTH}} {'+' if a is None else '-'} {_shown(b if a is None else a)}"
        else:
            yield f"{name:<{WIDTH}} {_shown(a)} -> {_shown(b)}"


def _members(rows: Sequence[Difference]) -> Iterator[str]:
    """A line for each member; where a folder has many, as our code does, one for all of it."""
    folders: dict[str, list[Difference]] = {}
    for row in rows:
        folders.setdefault(row.place.partition("/")[0], []).append(row)
    for folder, within in folders.items():
        if len(within) > MANY:
            yield f"~ {plain.line(folder)}/: {_counted(within)}"
        else:
            yield from map(_member, within)


def _member(row: Difference) -> str:
    _, place, a, b = row
    name = plain.line(place)
    if a is None or b is None:
        return f"{'+' if a is None else '-'} {name} ({(b or a)['size']:,} bytes)"
    return f"~ {name} ({a['size']:,} -> {b['size']:,} bytes)"


def _counted(rows: Sequence[Difference]) -> str:
    added = sum(row.a is None for row in rows)
    removed = sum(row.b is None for row in rows)
    counts = [(len(rows) - added - removed, "changed"), (added, "added"), (removed, "removed")]
    return ", ".join(f"{count:,} {what}" for count, what in counts if count)


def _lines(a: str, b: str) -> Iterator[str]:
    """A unified diff without its head."""
    lines = difflib.unified_diff(a.split("\n"), b.split("\n"), lineterm="", n=CONTEXT_LINES)
    yield from (plain.line(line) for number, line in enumerate(lines) if number > 1)


def _shown(value: Any) -> str:
    """On one line; of a model or an adapter what people know it by, of a hash its beginning."""
    if isinstance(value, dict):
        facts = [str(value[key]) for key in ("role", "name", "architecture", "file_type") if value.get(key)]
        size = f"{value['size'] / 1e6:,.1f} MB" if "size" in value else ""
        value = ", ".join(filter(None, [*facts, size])) or value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    is_digest = len(text) == 64 and not set(text) - set("0123456789abcdef")
    text = text[:16] if is_digest else plain.line(text)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
