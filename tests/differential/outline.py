"""The outline of an answer: its status, the type of its error, and the fields it has with the kinds of their values.

What the values are is not part of it: two servers say different things, but in one form.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

Json = Any
EMPTY = ": empty list"


class Outline(NamedTuple):
    """fields: such as `choices[].text: text`; in a stream the first and last event each have a name of their own."""

    status: int
    error: str
    fields: frozenset[str]
    empty: frozenset[str] = frozenset()
    """The lists that had no items."""

    @property
    def head(self) -> str:
        """Status and type of the error."""
        return f"{self.status} {self.error}".strip()


def outline(status: int, content_type: str, body: bytes) -> Outline:
    """Return the outline of an answer."""
    if content_type.startswith("text/event-stream"):
        return _outline(status, "", _of_stream(body.decode()))
    if content_type.startswith("text/plain; version="):
        return _outline(status, "", _of_metrics(body.decode()))
    try:
        answer = json.loads(body)
    except ValueError:
        return Outline(status, "", frozenset([f"no JSON: {content_type.partition(';')[0]}"]))
    error = answer.get("error") if isinstance(answer, dict) else None
    kind = str(error.get("type", "")) if isinstance(error, dict) else ""
    return _outline(status, kind, _of(answer, ""))


def differences(ours: Outline, theirs: Outline) -> tuple[frozenset[str], frozenset[str]]:
    """Return the fields that only one of both has; items are not missed where the other's list is empty."""
    return (
        frozenset(field for field in ours.fields - theirs.fields if not _is_inside_empty(field, theirs)),
        frozenset(field for field in theirs.fields - ours.fields if not _is_inside_empty(field, ours)),
    )


def _is_inside_empty(field: str, other: Outline) -> bool:
    """Whether `field` is of an item of a list that has none in the other answer."""
    places = [place for place in range(len(field)) if field.startswith("[]", place)]
    return any(field[:place] in other.empty for place in places)


def _outline(status: int, error: str, found: Iterator[str]) -> Outline:
    fields = frozenset(found)
    empty = {field for field in fields if field.endswith(EMPTY)}
    shortened = {field.removesuffix(EMPTY) for field in empty}
    return Outline(status, error, (fields - empty) | {f"{path}: list" for path in shortened}, frozenset(shortened))


def _of_stream(text: str) -> Iterator[str]:
    events = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    others = {line.partition(":")[0] for line in text.split("\n") if line and not line.startswith("data: ")}
    yield from (f"line {name or 'comment'}" for name in others)
    if events and events[-1] == "[DONE]":
        yield "[DONE]"
        events.pop()
    for place, event in enumerate(events):
        name = "last" if place == len(events) - 1 else "first" if place == 0 else "next"
        yield from _of(json.loads(event), f"{name} event")


def _of_metrics(text: str) -> Iterator[str]:
    """The metrics of llama.cpp's names, with their kinds."""
    for line in text.splitlines():
        if line.startswith("# TYPE llamacpp:"):
            name, kind = line.split()[2:]
            yield f"{name}: {kind}"


def _of(value: Json, path: str) -> Iterator[str]:
    yield f"{path}: {_kind(value)}"
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _of(inner, f"{path}.{key}" if path else key)
    if isinstance(value, list):
        for inner in value:
            yield from _of(inner, f"{path}[]")


def _kind(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true or false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "object" if isinstance(value, dict) else ("list" if value else "empty list")
