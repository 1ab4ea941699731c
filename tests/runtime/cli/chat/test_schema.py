"""Whether a value keeps to a schema: as the reference implementation has it."""

import json
import random
from typing import Any

import jsonschema
import pytest

from runtime.cli.chat.schema import violation

LEAVES: list[Any] = [
    {"type": "string", "minLength": 1, "maxLength": 2}, {"type": "integer"}, {"type": ["null", "boolean"]},
    {"type": "number", "minimum": 1, "exclusiveMaximum": 3}, {"enum": ["a", 1, None]}, {"const": True}, True, False,
    {"multipleOf": 0.5}, {"$ref": "#/$defs/leaf"}, {"const": {"a": [1]}}, {},
]  # fmt: skip
VALUES: list[Any] = ["", "a", "abc", 0, 1, 1.0, 2.5, 0.3, True, False, None, [], {}, {"a": [1]}, [1, "a"]]


def schema(chance: random.Random, depth: int = 0) -> Any:
    if depth > 2 or chance.random() < 0.3:
        return chance.choice(LEAVES)
    deeper = [schema(chance, depth + 1) for _ in range(3)]
    return chance.choice(
        [
            {"type": "object", "properties": {"a": deeper[0], "b": deeper[1]}, "required": ["a"]},
            {"type": "object", "properties": {"a": deeper[0]}, "additionalProperties": deeper[1], "maxProperties": 2},
            {"type": "array", "items": deeper[0], "minItems": 1, "maxItems": 3},
            {"prefixItems": deeper[:2], "items": deeper[2]},
            {"anyOf": deeper},
            {"oneOf": deeper[:2]},
            {"allOf": deeper[:2]},
        ]
    )


def value(chance: random.Random, depth: int = 0) -> Any:
    if depth > 2 or chance.random() < 0.4:
        return chance.choice(VALUES)
    if chance.random() < 0.5:
        return [value(chance, depth + 1) for _ in range(chance.randint(0, 4))]
    return {name: value(chance, depth + 1) for name in chance.sample("abc", chance.randint(0, 3))}


def test_it_agrees_with_the_reference() -> None:
    chance = random.Random(7)
    n_valid = 0
    for _ in range(4000):
        given = schema(chance)
        if not isinstance(given, dict):
            continue
        given = {**given, "$defs": {"leaf": {"type": "string"}}}
        found = value(chance)
        wanted = jsonschema.Draft202012Validator(given).is_valid(found)
        assert (violation(json.dumps(found), given) == "") == wanted, (given, found)
        n_valid += wanted
    assert 400 < n_valid < 3000


@pytest.mark.parametrize(
    ("text", "asked", "said"),
    [
        ('{"a": 1', {}, "it is no JSON"),
        ("", True, "it is no JSON"),
        ("[1]", True, "it is no object"),
        ("{}", True, ""),
        ("{}", {"required": ["name"]}, "`$.name` is missing"),
        ('{"m": [1, "x"]}', {"properties": {"m": {"items": {"type": "integer"}}}}, "`$.m[1]` is no integer"),
        ('"x"', {"items": [{"type": "string"}, False]}, ""),
        ('["x", 1]', {"items": [{"type": "string"}, False]}, "`$[1]` must not be there"),
        ('["x", 1]', {"items": [{"type": "string"}], "additionalItems": False}, "`$[1]` must not be there"),
        ("[" * 100_000, True, "it is no JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_by_its_place(text: str, asked: Any, said: str) -> None:
    assert violation(text, asked).startswith(said) and bool(violation(text, asked)) == bool(said)


def test_a_schema_that_holds_itself_ends() -> None:
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    for n_levels, said in ((60, "is no object"), (400, "lies too deep"), (100_000, "is no JSON")):
        assert said in violation('{"next": ' * n_levels + "null" + "}" * n_levels, tree)
