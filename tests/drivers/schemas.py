"""Answers under varied JSON schemas are valid, whatever the model would have liked to say."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jsonschema

from tests.streams import Stream, ask_all

AT_ONCE = 8
MAX_TOKENS = 400
LIMIT_S = 240.0
SEED = 5
MAX_DEPTH = 3
NAMES = "name age city tags price when parts owner note level kind size".split()
WORDS = "red green blue small large iron glass open closed north south".split()
FORMATS = ("date", "time", "uuid", "ipv4")

Schema = dict[str, Any]

DEFINITIONS: Schema = {
    "end": {"type": "string", "maxLength": 6},
    "chain": {
        "type": "object",
        "properties": {
            "link": {"type": "string", "maxLength": 6},
            "next": {"anyOf": [{"$ref": "#/$defs/end"}, {"type": "null"}]},
        },
        "required": ["link"],
        "additionalProperties": False,
    },
}
"""At the top of every schema; nothing that a small model would go on with for ever."""


@dataclass
class Schemas:
    """How many schemas were asked; `cut_off`: answers that the limit of tokens ended."""

    asked: int = 0
    valid: int = 0
    cut_off: int = 0
    wrong: list[str] = field(default_factory=list)


def ask_with_schemas(port: int, n: int) -> Schemas:
    """Ask `n` questions under a schema each, AT_ONCE at a time, some greedy and some not."""
    drawn, result = random.Random(SEED), Schemas()
    while result.asked < n:
        asked = [{**_object(drawn, 0), "$defs": DEFINITIONS} for _ in range(min(AT_ONCE, n - result.asked))]
        bodies = [_body(schema, result.asked + place) for place, schema in enumerate(asked)]
        for schema, stream in zip(asked, ask_all(port, bodies, limit_s=LIMIT_S), strict=True):
            result.asked += 1
            _judge(schema, stream, result)
    return result


def _body(schema: Schema, number: int) -> dict[str, object]:
    return {
        "prompt": f"Record {number} in JSON about {', '.join(schema['properties'])}:\n",
        "json_schema": schema,
        "n_predict": MAX_TOKENS,
        "temperature": 0.8 if number % 2 else 0,
        "seed": number,
    }


def _judge(schema: Schema, stream: Stream, result: Schemas) -> None:
    if stream.status != 200:
        result.wrong.append(f"{json.dumps(schema)}: {stream.status} {stream.body[-300:]}")
        return
    answer = json.loads(stream.body)
    if answer["stop_type"] == "limit":
        result.cut_off += 1
        return
    try:
        jsonschema.validate(json.loads(answer["content"]), schema)
        result.valid += 1
    except (ValueError, jsonschema.ValidationError) as error:
        reason = getattr(error, "message", str(error))
        result.wrong.append(f"{json.dumps(schema)}: {answer['content'][:300]!r}: {reason}")


def _any(drawn: random.Random, depth: int) -> Schema:
    simple: list[Callable[[random.Random, int], Schema]] = [_string, _number, _choice, _pattern, _format, _constant]
    nested: list[Callable[[random.Random, int], Schema]] = [_object, _array, _either, _reference]
    return drawn.choice(simple if depth >= MAX_DEPTH else simple + nested)(drawn, depth + 1)


def _object(drawn: random.Random, depth: int) -> Schema:
    names = drawn.sample(NAMES, drawn.randint(1, 4))
    return {
        "type": "object",
        "properties": {name: _any(drawn, depth) for name in names},
        "required": names if drawn.random() < 0.7 else names[:1],
        "additionalProperties": False,
    }


def _array(drawn: random.Random, depth: int) -> Schema:
    least = drawn.randint(0, 2)
    return {
        "type": "array",
        "items": _any(drawn, depth + 1),
        "minItems": least,
        "maxItems": least + drawn.randint(1, 2),
    }


def _either(drawn: random.Random, depth: int) -> Schema:
    return {"anyOf": [_any(drawn, depth), drawn.choice([{"type": "null"}, {"type": "boolean"}])]}


def _reference(_drawn: random.Random, _depth: int) -> Schema:
    """A chain of two, by `$ref`."""
    return {"$ref": "#/$defs/chain"}


def _string(drawn: random.Random, _depth: int) -> Schema:
    least = drawn.randint(0, 4)
    return {"type": "string", "minLength": least, "maxLength": least + drawn.randint(1, 20)}


def _number(drawn: random.Random, _depth: int) -> Schema:
    low = drawn.randint(-50, 50)
    kind = drawn.choice(["integer", "number"])
    return {"type": kind, "minimum": low, "maximum": low + drawn.randint(1, 1000)}


def _choice(drawn: random.Random, _depth: int) -> Schema:
    return {"enum": [*drawn.sample(WORDS, 3), drawn.randint(0, 9), None]}


def _pattern(drawn: random.Random, _depth: int) -> Schema:
    return {"type": "string", "pattern": drawn.choice(["^[A-Z]{2}-[0-9]{3}$", "^(yes|no)$", "^#[0-9a-f]{6}$"])}


def _format(drawn: random.Random, _depth: int) -> Schema:
    return {"type": "string", "format": drawn.choice(FORMATS)}


def _constant(drawn: random.Random, _depth: int) -> Schema:
    return {"const": drawn.choice(WORDS)}
