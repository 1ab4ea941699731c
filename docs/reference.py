"""Writes docs/API.md from the routes of the server and the records that check their requests.

python docs/reference.py          # writes it
python docs/reference.py --check  # exit code 1 when it is not what it would write
"""

import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeGuard

import msgspec
from msgspec import inspect

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from runtime.server import openapi  # noqa: E402 - the checkout itself, wherever it is called from
from runtime.server.app import ROUTES  # noqa: E402
from runtime.server.fields import GenerationFields  # noqa: E402
from runtime.server.route import Route  # noqa: E402

PAGE = HERE / "API.md"
WORDS = HERE / "api"
DEVIATIONS = HERE.parent / "tests/differential/deviations.toml"
SHARED = (GenerationFields,)
NEVER = (405, 408, 413, 415, 500)
"""Statuses that say nothing about a route: any request may get them."""


def page() -> str:
    """Return the whole document."""
    lines = [_words("rules"), "", "## Fields that several routes share", "", _words("shared"), ""]
    for kind in SHARED:
        lines += [*_fields(kind), ""]
        for inner in _records([kind])[1:]:
            lines += [f"**{inner.__name__}**: {_sentence(inner)}", "", *_fields(inner), ""]
    lines += _deviations()
    for dialect in dict.fromkeys(route.dialect.name for route in ROUTES):
        lines += _dialect(dialect, [route for route in ROUTES if route.dialect.name == dialect])
    return "\n".join(lines).rstrip() + "\n"


def _deviations() -> Iterator[str]:
    """What differs from llama-server, as a test holds it: each reason with the requests that show it."""
    yield from ("## What differs from llama-server", "", _words("deviations"), "")
    found = tomllib.loads(DEVIATIONS.read_text(encoding="utf-8"))
    for one in found["answered"]:
        statuses = sorted({(ours, theirs) for _, ours, theirs in one["requests"]})
        told = ", ".join(f"{ours} for {theirs}" for ours, theirs in statuses)
        yield f"- {one['reason']} ({told}; seen in {_number(len(one['requests']))})"
    for one in found["shaped"]:
        sides = [("ours alone", one.get("ours", [])), ("theirs alone", one.get("theirs", []))]
        told = "; ".join(
            f"{side}: {', '.join(f'`{part}`' for part in parts if part)}" for side, parts in sides if parts
        )
        yield f"- {one['reason']} ({told})"
    yield ""


def _number(n_requests: int) -> str:
    return "one request" if n_requests == 1 else f"{n_requests} requests"


def _words(name: str) -> str:
    """What no record can say: a file of its own, if there is anything to say."""
    path = WORDS / f"{name}.md"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _dialect(name: str, routes: Sequence[Route]) -> Iterator[str]:
    yield from (f"## {name}", "", _words(name.lower()), "")
    for route in routes:
        yield from _route(route)
    whole = [kind for route in routes for kind in (route.query, route.body, route.answer) if _is_record(kind)]
    shared = _records(SHARED)
    inner = [one for one in _records(whole) if one not in whole and one not in shared]
    if inner:
        yield from (f"### Records of {name}", "")
    for one in inner:
        yield from (f"**{one.__name__}**: {_sentence(one)}", "", *_fields(one), "")


def _route(route: Route) -> Iterator[str]:
    yield from (f"### {route.method} {', '.join(f'`{path}`' for path in route.paths)}", "", route.summary, "")
    if route.stream:
        yield from (f"With `stream`: {openapi.MEDIA[route.stream]}.", "")
    for title, kind in (("Query", route.query), ("Request", route.body), ("Answer", route.answer)):
        if kind is not None:
            yield from (f"{title}:", "", *_described(kind), "")
    found = sorted(status for status, _ in openapi.statuses(route) if status not in NEVER)
    yield from (f"Refusals: {', '.join(map(str, found))}.", "")


def _described(kind: object) -> Iterator[str]:
    if _is_record(kind):
        yield from _fields(kind)
    else:
        yield _type(inspect.type_info(kind))


def _is_record(kind: object) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _fields(kind: type[msgspec.Struct]) -> Iterator[str]:
    """The table of a record's fields; shared ones are told once."""
    shared = [one for one in SHARED if issubclass(kind, one) and kind is not one]
    known = {field.encode_name for one in shared for field in msgspec.structs.fields(one)}
    rows = [field for field in _info(kind).fields if field.encode_name not in known]
    if rows:
        yield from ("| field | type | default |", "|---|---|---|")
    for field in rows:
        yield f"| `{field.encode_name}` | {_type(field.type)} | {_default(field)} |"
    if shared:
        yield from ("", "And the [shared fields](#fields-that-several-routes-share).")


def _info(kind: type[msgspec.Struct]) -> inspect.StructType:
    info = inspect.type_info(kind)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{kind} is no record")
    return info


def _records(kinds: Sequence[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    """These records and all inside, each once."""
    found: dict[type[msgspec.Struct], None] = {}
    waiting: list[inspect.Type] = [_info(kind) for kind in kinds]
    while waiting:
        kind = waiting.pop(0)
        if isinstance(kind, inspect.StructType):
            if kind.cls in found:
                continue
            found[kind.cls] = None
        waiting += _inner(kind)
    return list(found)


def _inner(kind: inspect.Type) -> list[inspect.Type]:
    if isinstance(kind, inspect.StructType):
        return [field.type for field in kind.fields]
    if isinstance(kind, inspect.UnionType):
        return list(kind.types)
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return [kind.item_type]
    if isinstance(kind, inspect.TupleType):
        return list(kind.item_types)
    if isinstance(kind, inspect.DictType):
        return [kind.value_type]
    return [kind.type] if isinstance(kind, inspect.Metadata) else []


def _type(kind: inspect.Type) -> str:
    """The type in words, with its bounds."""
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra_json_schema or {}).get("description", "")) or _type(kind.type)
    if isinstance(kind, inspect.UnionType):
        return " or ".join(_type(one) for one in kind.types if not isinstance(one, inspect.NoneType))
    if isinstance(kind, inspect.StructType):
        return f"`{kind.cls.__name__}`"
    if isinstance(kind, inspect.ListType | inspect.TupleType | inspect.VarTupleType):
        inner = kind.item_types if isinstance(kind, inspect.TupleType) else (kind.item_type,)
        return f"list of {', '.join(map(_type, inner))}{_bounds(kind, 'items')}"
    if isinstance(kind, inspect.DictType):
        return f"object of {_type(kind.value_type)}"
    if isinstance(kind, inspect.LiteralType):
        return ", ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return f"{'integer' if isinstance(kind, inspect.IntType) else 'number'}{_range(kind)}"
    if isinstance(kind, inspect.StrType):
        return f"text{_bounds(kind, 'characters')}"
    return {inspect.BoolType: "true or false", inspect.NoneType: "null"}.get(type(kind), "anything")


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is None and kind.le is None:
        return ""
    if kind.le is None:
        return f" from {kind.ge}"
    return f" {kind.ge} to {kind.le}" if kind.ge is not None else f" to {kind.le}"


def _bounds(kind: inspect.Type, unit: str) -> str:
    least, most = getattr(kind, "min_length", None), getattr(kind, "max_length", None)
    bounds = [f"at least {least}"] if least else []
    bounds += [f"at most {most} {unit}"] if most else []
    return f" ({', '.join(bounds)})" if bounds else ""


def _default(field: inspect.Field) -> str:
    if field.required:
        return "needed"
    if field.default in (msgspec.NODEFAULT, None):
        return ""
    return f"`{msgspec.json.encode(field.default).decode()}`"


def _sentence(kind: type) -> str:
    return (kind.__doc__ or "").strip().split("\n")[0]


def main() -> int:
    """Write the page, or compare it with what is there."""
    written = page()
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text(encoding="utf-8") != written)
    PAGE.write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
