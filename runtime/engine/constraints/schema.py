"""Checks a JSON schema and writes it anew, as far as an answer can be held to it.

Only known keywords go on to llguidance. What it would pass over in silence is refused here
by name, annotations are dropped. `$ref` reaches into the same schema only, and a schema
may contain itself through a property or an item, never directly.
"""

import json
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NoReturn, TypeAlias
from urllib.parse import unquote

from runtime.engine.constraints import formats, limits, regex
from runtime.engine.constraints.limits import refuse

Json: TypeAlias = object
Schema: TypeAlias = dict[str, Json]

WHITESPACE = r"\x20|\n\x20{0,24}|\n\t{0,8}"
"""Between the parts of JSON: a space, or a new line and its indentation; nothing more.

llguidance's default is any amount of it, and small models then can fill an answer with blank lines for ever. Compact
JSON alone would forbid what most models write by themselves, `{"a": 1}` and indented JSON, and so make them write
what they did not learn. SmolLM2 writes the same within these bounds as without any; with single spaces alone
it writes `{ "a": 1}`. 24 spaces indent three to twelve levels.
"""

TYPES = frozenset(["null", "boolean", "integer", "number", "string", "array", "object"])
ANNOTATIONS = frozenset(
    "title description default examples example deprecated readOnly writeOnly nullable discriminator externalDocs xml "
    "$comment $schema $anchor contentEncoding contentMediaType contentSchema".split()
)
MADE_FOR_ROOT = frozenset(["$id", "id"])
COUNTS = frozenset("minLength maxLength minItems maxItems minProperties maxProperties".split())
NUMBERS = frozenset("minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split())
LISTS = frozenset("anyOf oneOf allOf prefixItems".split())
MAPS = frozenset("properties patternProperties $defs definitions".split())
SINGLE = frozenset(["items", "additionalProperties"])
CLOSES = ("additionalProperties", "patternProperties", "minProperties", "anyOf", "oneOf", "allOf", "$ref")
COMBINES = ("anyOf", "oneOf", "allOf", "$ref", "properties", "required")


def prepare(text: str, what: str) -> Schema | bool:
    """Return the schema in `text` as llguidance shall see it. Raises: InvalidRequest."""
    return Writer(what, parsed(text, what)).schema()


def native(text: str, what: str) -> str:
    """Return the schema in `text` as a grammar of llguidance's. Raises: InvalidRequest."""
    return json.dumps({"grammars": [{"json_schema": with_options(prepare(text, what))}]})


def with_options(schema: Schema | bool) -> Schema:
    """Add what llguidance shall do with the schema."""
    if isinstance(schema, bool):
        schema = {} if schema else {"enum": []}
    return {"x-guidance": {"whitespace_pattern": WHITESPACE}} | schema


def parsed(text: str, what: str) -> Json:
    """Return the JSON in `text`. Raises: InvalidRequest."""
    limits.check_size(text, limits.TEXT_BYTES, f"`{what}`")
    limits.check_nesting(text, limits.JSON_NESTING, f"`{what}`")
    try:
        return json.loads(text, parse_constant=lambda name: refuse(f"`{what}` holds {name}, which is not JSON"))
    except ValueError as error:
        refuse(f"`{what}` is not JSON: {error}")


class Writer:
    """Walks one schema; `_edges` says which places lead to which without taking any of the answer."""

    def __init__(self, what: str, root: Json) -> None:
        self._what = what
        self._root = root
        self._seen: set[str] = set()
        self._edges: dict[str, list[str]] = {}
        self._combines = False
        self._multiples: list[int] = []
        self._closable: list[Schema] = []

    def schema(self) -> Schema | bool:
        written = self._visit(self._root, "#", 0)
        for place, targets in self._edges.items():
            for target in targets:
                if target not in self._seen:
                    self._refuse(place, f"`$ref` leads to `{target}`, where there is no schema")
        self._check_cycles()
        if self._combines and math.lcm(*self._multiples) > limits.MULTIPLE:
            self._refuse("#", f"the `multipleOf` of combined schemas are beyond {limits.MULTIPLE:,} together")
        if not self._combines:
            for closable in self._closable:
                closable["additionalProperties"] = False
        return written

    def _visit(self, node: Json, place: str, depth: int) -> Schema | bool:
        if isinstance(node, bool):
            self._seen.add(place)
            return node
        if not isinstance(node, dict):
            self._refuse(place, "a schema must be an object or true or false")
        if depth > limits.SCHEMA_DEPTH:
            self._refuse(place, f"schemas nest deeper than {limits.SCHEMA_DEPTH}")
        self._seen.add(place)
        written: Schema = {}
        for keyword, value in self._modern(node).items():
            self._keyword(written, keyword, value, place, depth)
        self._note_shape(written)
        return written

    def _modern(self, node: Schema) -> Schema:
        """Turn the older form of tuples, a list under `items`, into the newer."""
        if not isinstance(node.get("items"), list):
            return {keyword: value for keyword, value in node.items() if keyword != "additionalItems"}
        modern = {keyword: value for keyword, value in node.items() if keyword not in ("items", "additionalItems")}
        return modern | {"prefixItems": node["items"], "items": node.get("additionalItems", True)}

    def _keyword(self, written: Schema, keyword: str, value: Json, place: str, depth: int) -> None:
        at = f"{place}/{_escaped(keyword)}"
        if keyword in LISTS:
            self._schemas(written, keyword, value, place, depth)
        elif keyword in MAPS:
            names = self._map(value, at)
            written[keyword] = {name: self._visit(item, f"{at}/{_escaped(name)}", depth + 1) for name, item in names}
            for name, _ in names if keyword == "patternProperties" else ():
                regex.parse(name, f"`{self._what}`: the pattern")
        elif keyword in SINGLE:
            written[keyword] = self._visit(value, at, depth + 1)
        elif keyword in VALUES:
            VALUES[keyword](self, written, value, place)
        elif keyword in COUNTS:
            written[keyword] = self._count(value, at)
        elif keyword in NUMBERS:
            written[keyword] = self._number(value, at, above_zero=keyword == "multipleOf")
        elif not self._may_drop(keyword, value, place):
            self._refuse(place, f"`{keyword}` is not supported; leave it out or say it in other keywords")

    def _schemas(self, written: Schema, keyword: str, value: Json, place: str, depth: int) -> None:
        places = [f"{place}/{keyword}/{index}" for index, _ in self._list(value, f"{place}/{keyword}")]
        schemas = [self._visit(item, at, depth + 1) for at, item in zip(places, value, strict=True)]  # type: ignore[call-overload]
        written[keyword] = [*schemas, *written.get(keyword, ())]  # type: ignore[misc]
        if keyword != "prefixItems":
            self._edges.setdefault(place, []).extend(places)

    def _may_drop(self, keyword: str, value: Json, place: str) -> bool:
        harmless = keyword == "uniqueItems" and value is False
        return (
            harmless
            or keyword in ANNOTATIONS
            or keyword.startswith("x-")
            or (keyword in MADE_FOR_ROOT and place == "#")
        )

    def _type(self, written: Schema, value: Json, place: str) -> None:
        names = value if isinstance(value, list) else [value]
        if not names or any(not isinstance(name, str) or name not in TYPES for name in names):
            self._refuse(f"{place}/type", f"not a type or a list of types: {_quoted(value)}")
        written["type"] = value

    def _enum(self, written: Schema, value: Json, place: str) -> None:
        if not isinstance(value, list) or not 1 <= len(value) <= limits.ENUM_VALUES:
            self._refuse(f"{place}/enum", f"must be a list of 1 to {limits.ENUM_VALUES:,} values")
        written["enum"] = value
        self._finite(value, f"{place}/enum")

    def _const(self, written: Schema, value: Json, place: str) -> None:
        written["const"] = value
        self._finite(value, f"{place}/const")

    def _ref(self, written: Schema, value: Json, place: str) -> None:
        if not isinstance(value, str) or not (value == "#" or value.startswith("#/")):
            self._refuse(f"{place}/$ref", f"must begin with `#/`, and is {_quoted(value)}")
        target = unquote(value)
        written["$ref"] = value
        self._edges.setdefault(place, []).append(target)

    def _required(self, written: Schema, value: Json, place: str) -> None:
        named = value if isinstance(value, list) else [None]
        if len(named) > limits.PROPERTIES or any(not isinstance(name, str) for name in named):
            self._refuse(f"{place}/required", f"must be a list of at most {limits.PROPERTIES} names")
        written["required"] = value

    def _pattern(self, written: Schema, value: Json, place: str) -> None:
        if not isinstance(value, str):
            self._refuse(f"{place}/pattern", "must be a string")
        regex.parse(value, f"`{self._what}`: the pattern")
        written["pattern"] = value

    def _format(self, written: Schema, value: Json, place: str) -> None:
        if value in formats.ANNOTATIONS:
            return
        if value in formats.PATTERNS:
            # beside a `pattern` of the schema's own, so not under that keyword
            self._append_all_of(written, {"pattern": formats.PATTERNS[str(value)]})
        elif value in formats.NATIVE:
            written["format"] = value
        else:
            known = ", ".join(sorted([*formats.PATTERNS, *formats.NATIVE]))
            self._refuse(f"{place}/format", f"{_quoted(value)} is not supported, only {known}")

    def _append_all_of(self, written: Schema, schema: Schema) -> None:
        given = written.get("allOf", [])
        written["allOf"] = [*given, schema]  # type: ignore[misc]

    def _list(self, value: Json, at: str) -> Iterator[tuple[int, Json]]:
        if not isinstance(value, list) or not 1 <= len(value) <= limits.PROPERTIES:
            self._refuse(at, f"must be a list of 1 to {limits.PROPERTIES} schemas")
        return enumerate(value)

    def _map(self, value: Json, at: str) -> list[tuple[str, Json]]:
        if not isinstance(value, dict) or len(value) > limits.PROPERTIES:
            self._refuse(at, f"must be an object of at most {limits.PROPERTIES} schemas")
        return list(value.items())

    def _count(self, value: Json, at: str) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limits.REPETITIONS:
            self._refuse(at, f"must be a whole number from 0 to {limits.REPETITIONS:,}, and is {_quoted(value)}")
        return value

    def _number(self, value: Json, at: str, above_zero: bool) -> Json:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            self._refuse(at, f"must be a number, and is {_quoted(value)}")
        if abs(value) > 1e15 or (above_zero and not 1e-9 <= value <= limits.MULTIPLE):
            self._refuse(at, f"{_quoted(value)} is out of the range that is supported")
        if above_zero:
            self._multiples.append(Fraction(str(value)).numerator)
        return value

    def _finite(self, value: Json, at: str) -> None:
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(at, "holds a number that is too large")
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self._finite(item, at)

    def _note_shape(self, written: Schema) -> None:
        """Learn whether objects may be closed: see `_closes`."""
        n_applied = sum(keyword in written for keyword in COMBINES if keyword not in ("properties", "required"))
        shaped = "properties" in written or "required" in written
        dates_only = "allOf" in written and all(_is_date(part) for part in written["allOf"])  # type: ignore[attr-defined]
        if not dates_only:
            self._combines |= "allOf" in written or n_applied > 1 or (n_applied == 1 and shaped)
        if self._closes(written):
            self._closable.append(written)
        self._check_count(written)

    def _closes(self, written: Schema) -> bool:
        """Tell whether an object whose properties are listed can do without others.

        Without `additionalProperties` a schema allows any others, and small models then go on
        inventing some. An answer without them is as valid; llama-server does the same. Where schemas
        are combined, one part would forbid what the other wants, so all stay open then.
        """
        properties = written.get("properties")
        return (
            bool(properties)
            and not any(keyword in written for keyword in CLOSES)
            and set(written.get("required", ())) <= set(properties or ())  # type: ignore[call-overload]
        )

    def _check_count(self, written: Schema) -> None:
        """A grammar cannot see that a free name repeats, so `minProperties` must not depend on it."""
        least = written.get("minProperties", 0)
        if least > max(1, len(written.get("required", ()))):  # type: ignore[operator, arg-type]
            refuse(
                f"`{self._what}`: `minProperties` {least} is not supported beyond the number of `required` properties"
            )

    def _check_cycles(self) -> None:
        """Refuse a schema that is defined by itself, as `{"$ref": "#"}` at the top."""
        done: set[str] = set()
        for start in self._edges:
            path: dict[str, Iterator[str]] = {start: iter(self._edges[start])}
            while path:
                place = next(reversed(path))
                following = next((target for target in path[place] if target not in done), None)
                if following is None:
                    done.add(place)
                    del path[place]
                elif following in path:
                    self._refuse(following, "the schema is defined by nothing but itself")
                else:
                    path[following] = iter(self._edges.get(following, ()))

    def _refuse(self, place: str, happened: str) -> NoReturn:
        refuse(f"`{self._what}`: at `{limits.cut(place, 120)}`: {happened}")


VALUES: dict[str, Callable[[Writer, Schema, Json, str], None]] = {
    "type": Writer._type,
    "enum": Writer._enum,
    "const": Writer._const,
    "$ref": Writer._ref,
    "required": Writer._required,
    "pattern": Writer._pattern,
    "format": Writer._format,
}


def _is_date(part: Json) -> bool:
    return isinstance(part, dict) and part.get("pattern") in formats.PATTERNS.values()


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _quoted(value: Json) -> str:
    return f"`{limits.cut(json.dumps(value))}`"
