"""Whether a JSON value keeps to a schema, for the answers that were asked to.

The engine makes answers that do, so this finds those that were cut off. Patterns and formats of strings are the
engine's business alone: a pattern may take for ever in Python.
"""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from urllib.parse import unquote

Json: TypeAlias = Any
MAX_DEPTH = 200

TYPES: dict[str, Callable[[Json], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
    "number": lambda value: _is_number(value),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}

BOUNDS: dict[str, tuple[str, Callable[[Json, Json], bool]]] = {
    "minimum": ("number", lambda value, bound: value >= bound),
    "maximum": ("number", lambda value, bound: value <= bound),
    "exclusiveMinimum": ("number", lambda value, bound: value > bound),
    "exclusiveMaximum": ("number", lambda value, bound: value < bound),
    "multipleOf": ("number", lambda value, bound: math.isclose(value / bound, round(value / bound), rel_tol=1e-9)),
    "minLength": ("string", lambda value, bound: len(value) >= bound),
    "maxLength": ("string", lambda value, bound: len(value) <= bound),
    "minItems": ("array", lambda value, bound: len(value) >= bound),
    "maxItems": ("array", lambda value, bound: len(value) <= bound),
    "minProperties": ("object", lambda value, bound: len(value) >= bound),
    "maxProperties": ("object", lambda value, bound: len(value) <= bound),
}
"""Keywords that hold a value of a type against a number."""


def violation(text: str, schema: Json) -> str:
    """What is wrong with an answer; empty: nothing. `schema` True: it may be any object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {error}"
    if schema is True:
        return "" if isinstance(value, dict) else "it is no object"
    return next(_violations(value, schema, schema, "$", 0), "")


def _violations(value: Json, schema: Json, root: Json, place: str, depth: int) -> Iterator[str]:
    if schema is False:
        yield f"`{place}` must not be there"
    if depth > MAX_DEPTH:
        yield f"`{place[:80]}…` lies too deep"
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return
    if "$ref" in schema:
        yield from _violations(value, _target(root, schema["$ref"]), root, place, depth + 1)
    yield from _of_value(value, schema, place)
    yield from _of_combinations(value, schema, root, place, depth)
    if isinstance(value, dict):
        yield from _of_object(value, schema, root, place, depth)
    if isinstance(value, list):
        yield from _of_items(value, schema, root, place, depth)


def _of_value(value: Json, schema: Json, place: str) -> Iterator[str]:
    """What the value itself breaks."""
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(TYPES.get(name, lambda _: True)(value) for name in names):
        yield f"`{place}` is no {' or '.join(names)}"
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        yield f"`{place}` is none of the values that are allowed"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"`{place}` is not {json.dumps(schema['const'])[:80]}"
    for keyword, (kind, holds) in BOUNDS.items():
        if keyword in schema and TYPES[kind](value) and not holds(value, schema[keyword]):
            yield f"`{place}` breaks `{keyword}` {schema[keyword]}"


def _of_combinations(value: Json, schema: Json, root: Json, place: str, depth: int) -> Iterator[str]:
    for part in schema.get("allOf", []):
        yield from _violations(value, part, root, place, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            fitting = [next(_violations(value, part, root, place, depth + 1), "") == "" for part in schema[keyword]]
            if not any(fitting) or (keyword == "oneOf" and fitting.count(True) > 1):
                yield f"`{place}` fits {'no part' if not any(fitting) else 'more than one part'} of `{keyword}`"


def _of_items(value: list[Json], schema: Json, root: Json, place: str, depth: int) -> Iterator[str]:
    first, others = schema.get("prefixItems", []), schema.get("items", True)
    if isinstance(others, list):  # the older form of a tuple
        first, others = others, schema.get("additionalItems", True)
    for index, item in enumerate(value):
        yield from _violations(
            item, first[index] if index < len(first) else others, root, f"{place}[{index}]", depth + 1
        )


def _of_object(value: dict[str, Json], schema: Json, root: Json, place: str, depth: int) -> Iterator[str]:
    for name in schema.get("required", []):
        if name not in value:
            yield f"`{place}.{name}` is missing"
    known = schema.get("properties", {})
    for name, item in value.items():
        if name in known:
            yield from _violations(item, known[name], root, f"{place}.{name}", depth + 1)
        elif "patternProperties" not in schema:
            others = schema.get("additionalProperties", True)
            yield from _violations(item, others, root, f"{place}.{name}", depth + 1)


def _target(root: Json, reference: str) -> Json:
    """The schema that `#/…` leads to; the engine has refused one that leads nowhere."""
    found = root
    for part in unquote(reference).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found[int(key)] if isinstance(found, list) else found.get(key, True)
    return found


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: Json, other: Json) -> bool:
    """Equal as JSON: Python takes true for 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
