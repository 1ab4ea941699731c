"""Schemas of tools, which come as they are: what no answer can be held to is let go, the rest is held."""

import json
import random
from typing import Any

import jsonschema
import pytest

from runtime.engine.constraints import Constraints
from runtime.engine.protocol import Grammar
from tests.runtime.engine.constraints import sampling, schemas
from tests.runtime.engine.constraints.vocabularies import smollm2

TOKENS = 300
Schema = dict[str, Any]


@pytest.fixture(scope="module")
def constraints() -> Constraints:
    return Constraints(smollm2())


def loose(schema: object) -> Grammar:
    return Grammar(kind="lark", text=f"start: %loose {json.dumps(schema)}")


WILD: list[tuple[Schema, list[str], list[str]]] = [
    ({"type": "object", "properties": {"n": {"type": "integer", "not": {"const": 3}}}, "if": {}, "then": {}},
     ['{"n": 3}', "{}"], ['{"n": "a"}', "[]"]),
    ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, ["1", "1.5"], ['"a"']),
    ({"type": "string", "format": "credit-card", "pattern": "(?=a)b", "maxLength": 3}, ['"abc"'], ['"abcd"', "1"]),
    ({"type": "array", "uniqueItems": True, "items": {"type": "integer"}}, ["[1, 1]"], ['["a"]']),
    ({"type": "object", "properties": {"a": {"$ref": "https://example.org/a"}, "b": {"type": "null"}}},
     ['{"a": 5, "b": null}'], ['{"b": 1}']),
    ({"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}, "b": {"type": "null"}}},
     ['{"a": {"x": 1}, "b": null}'], ['{"b": 1}']),
    ({"type": "any", "required": True}, ["1", "{}"], []),
    ({"type": "string", "nullable": True}, ['"a"', "null"], ["1"]),
    ({"type": "integer", "minimum": 9, "maximum": 3}, ["{}"], []),
    ({"properties": {"a": {"type": "integer"}}, "type": "object", "minProperties": 9}, ['{"a": 1}'], ['{"a": "x"}']),
    ({"$ref": "#"}, ["{}"], []),
    ({"type": "object", "properties": {"a": "string", "b": 5}}, ['{"a": 1, "b": []}'], ["[]"]),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "right", "wrong"), WILD, ids=range(len(WILD)))
def test_a_schema_from_the_wild(constraints: Constraints, schema: Schema, right: list[str], wrong: list[str]) -> None:
    matcher = constraints.matcher(loose(schema))
    assert [text for text in right if not sampling.accepts(matcher, text)] == []
    assert [text for text in wrong if sampling.accepts(matcher, text)] == []


def test_what_cannot_be_met_becomes_any_object_and_the_others_stay(constraints: Constraints) -> None:
    impossible, plain = {"type": "integer", "minimum": 9, "maximum": 3}, {"type": "integer"}
    text = f'start: "a" %loose {json.dumps(impossible)} | "b" %loose {json.dumps(plain)}'
    matcher = constraints.matcher(Grammar(kind="lark", text=text))
    assert sampling.accepts(matcher, 'a{"x": 1}')
    assert sampling.accepts(matcher, "b12")
    assert not sampling.accepts(matcher, 'b{"x": 1}')


def test_known_keywords_hold_beside_unknown_ones(constraints: Constraints) -> None:
    """An answer drawn at random is valid for the schema without what was strewn into it."""
    for seed in range(60):
        schema = schemas.schema(seed)
        strewn = json.loads(json.dumps(schema))
        strewn |= {"unevaluatedProperties": False, "$vocabulary": {}, "propertyNames": {}}
        answer = sampling.sample(constraints.matcher(loose(strewn)), random.Random(seed), TOKENS, ending=0.7)
        if answer is not None and "oneOf" not in json.dumps(schema):
            errors = [
                error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(json.loads(answer))
            ]
            assert not errors, f"{seed}: {answer}\n{json.dumps(schema)}"
