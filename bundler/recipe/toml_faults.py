"""What is wrong with a recipe in TOML, said with the line and the key, from what `tomllib` and `msgspec` say."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from bundler.recipe.toml_lines import Keys
from bundler.recipe.toml_tables import RecipeTable
from runtime.cli.nearest import nearest

_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_WAY = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+|\.\.\.)\]")
_KEY = re.compile(r"\s*\[*\s*([A-Za-z0-9_.\"'-]+)")
_TYPES = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list in brackets",
    "object": "a table",
    "datetime": "a date",
    "date": "a date",
    "time": "a time",
}


class Fault(NamedTuple):
    """Where and what: `key` as people write it."""

    line: int
    key: str
    reason: str


def syntax(text: str, error: Exception) -> Fault:
    """The fault of a text that is not TOML; `error` is what `tomllib` raised."""
    said = str(error)
    if isinstance(error, RecursionError):
        return Fault(0, "", "it has brackets within brackets without end")
    at = _AT.search(said)
    if at is None:
        return Fault(0, "", "it has a number that is too long" if "digits" in said else "it is not TOML")
    line = int(at[1]) if at[1] else text.rstrip("\n").count("\n") + 1
    written = text.split("\n")[line - 1] if line <= text.count("\n") + 1 else ""
    key = _KEY.match(written)
    reason = said[: at.start()]
    return Fault(line, key[1] if key else "", f"is not TOML: {reason[:1].lower()}{reason[1:]}")


def shape(table: dict[str, Any], lines: dict[Keys, int], error: msgspec.ValidationError) -> Fault:
    """The fault of a table that is not a recipe's."""
    said, _, where = str(error).partition(" - at `$")
    path = _path(table, where.rstrip("`"), said)
    for pattern, reason in _REASONS:
        if found := pattern.fullmatch(said):
            path, reason = reason(path, found)
            return Fault(line_of(lines, path) or 1, written(path), reason)
    return Fault(line_of(lines, path) or 1, written(path), f"cannot be so: {said}")


def line_of(lines: dict[Keys, int], path: Keys) -> int:
    """The line of a key, or of what it belongs to if that is missing; 0: of nothing."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def written(path: Keys) -> str:
    """A key as people write it: `model.source`, with its place among several tables only where it is an item."""
    return ".".join(str(key) for key in path if isinstance(key, str))


def _path(table: object, where: str, said: str) -> Keys:
    """`.model[0].source` as keys; what `msgspec` does not name, `[...]`, is looked for."""
    path: list[str | int] = []
    for key, index in _WAY.findall(where):
        step: str | int = key or (index if index == "..." else int(index))
        if step == "..." and isinstance(table, dict):
            step = next((name for name, value in table.items() if not _is_setting(value)), "")
        path.append(step)
        try:
            table = table[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            table = None
    return tuple(path)


def _is_setting(value: object) -> bool:
    """Whether this can be a flag's value."""
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str | int | float | bool)


def _unknown(path: Keys, found: re.Match[str]) -> tuple[Keys, str]:
    known = _known(path)
    return (*path, found[1]), f"is no key of a recipe; {nearest(known, found[1]).rstrip('.')}"


def _known(path: Keys) -> Iterable[str]:
    """The keys of the table at `path`."""
    record: Any = RecipeTable
    for key in path:
        if isinstance(key, str):
            field = next(field for field in msgspec.structs.fields(record) if field.encode_name == key)
            record = _record(field.type)
    return [field.encode_name for field in msgspec.structs.fields(record)]


def _record(kind: Any) -> Any:
    """The record in a field's type: itself, or the items of a list."""
    while not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        kind = kind.__origin__ if hasattr(kind, "__metadata__") else kind.__args__[0]
    return kind


def _missing(path: Keys, found: re.Match[str]) -> tuple[Keys, str]:
    if found[1] == "model":
        return ("model",), "is missing; write [[model]] and below it source = what to pack"
    return (*path, found[1]), "is missing"


def _types(path: Keys, found: re.Match[str]) -> tuple[Keys, str]:
    if found[1] == "array" and found[2] == "object":
        return path, f"is one table, and there may be several; write [[{written(path)}]]"
    wanted = " or ".join(dict.fromkeys(_TYPES.get(name, name) for name in found[1].split(" | ")))
    return path, f"is {_TYPES.get(found[2], found[2])}, and has to be {wanted}"


_PATTERNS = {
    "^[A-Za-z0-9_.+@-]{0,64}$": "may have at most 64 letters, digits and the signs _ . + @ -",
    "^[A-Za-z0-9_]{0,16}$": "is no type of quantisation; write one like q4_k_m",
    "^([0-9a-fA-F]{64})?$": "is no sha256 in hex; write its 64 digits",
    "^(#[0-9a-fA-F]{6})?$": "is not written as #rrggbb",
}

_REASONS: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"Object contains unknown field `(.*)`", re.DOTALL), _unknown),
    (re.compile(r"Object missing required field `(.*)`"), _missing),
    (
        re.compile(r"Expected `str` of length <= (\d+)"),
        lambda path, found: (path, f"has more than {int(found[1]):,} characters"),
    ),
    (re.compile(r"Expected `str` of length >= \d+"), lambda path, _: (path, "is empty")),
    (
        re.compile(r"Expected `array` of length <= (\d+)"),
        lambda path, found: (path, f"has more than {int(found[1]):,} items"),
    ),
    (re.compile(r"Expected `array` of length >= \d+"), lambda path, _: (path, "has no items")),
    (
        re.compile(r"Expected `object` of length <= (\d+)"),
        lambda path, found: (path, f"has more than {int(found[1]):,} keys"),
    ),
    (re.compile(r"Expected `str` matching regex '(.*)'"), lambda path, found: (path, _PATTERNS[found[1]])),
    (
        re.compile(r"Expected `float` ([<>])= (.*)"),
        lambda path, found: (path, f"is too {'great' if found[1] == '<' else 'small'}; the limit is {found[2]}"),
    ),
    (
        re.compile(r"Invalid enum value (.*)", re.DOTALL),
        lambda path, found: (path, f"is {found[1][:60]}; choose one of {', '.join(_choices(path))}"),
    ),
    (re.compile(r"Expected `(.+)`, got `(.+)`"), _types),
)


def _choices(path: Keys) -> list[str]:
    """The words that a role may be: no other key has a choice."""
    return ["user", "assistant"] if "messages" in path else ["chat", "embed", "rerank", "draft", "mmproj"]
