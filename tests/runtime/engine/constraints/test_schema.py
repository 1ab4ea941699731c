"""JSON schemas: every answer that a matcher lets through is valid, and what cannot be held to is refused."""

import contextlib
import json
import random
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import jsonschema
import pytest

from runtime.engine.backend import InvalidRequest
from runtime.engine.constraints import Constraints
from runtime.engine.protocol import Grammar
from tests.runtime.engine.constraints import sampling, schemas
from tests.runtime.engine.constraints.vocabularies import smollm2

N_SCHEMAS = 300
TOKENS = 600


@pytest.fixture(scope="module")
def constraints() -> Constraints:
    return Constraints(smollm2())


def grammar(schema: object) -> Grammar:
    return Grammar(kind="json_schema", text=schema if isinstance(schema, str) else json.dumps(schema))


def validator(schema: Any) -> Any:
    checker = jsonschema.FormatChecker()
    for name, read in {"date": date, "time": time, "date-time": datetime}.items():
        checker.checks(name, ValueError)(
            lambda value, read=read: not isinstance(value, str) or read.fromisoformat(value)
        )
    return jsonschema.Draft202012Validator(schema, format_checker=checker)


def test_answers_are_valid_for_300_schemas(constraints: Constraints) -> None:
    """A token at random, 49,152 to choose from, is a harder test than a model, which means well."""
    n_answers = 0
    for seed in range(N_SCHEMAS):
        schema = schemas.schema(seed)
        jsonschema.Draft202012Validator.check_schema(schema)
        matcher, rng = constraints.matcher(grammar(schema)), random.Random(seed)
        for _ in range(2):
            answer = sampling.sample(matcher.fork(), rng, TOKENS, ending=0.7)
            if answer is not None:
                errors = [error.message for error in validator(schema).iter_errors(json.loads(answer))]
                assert not errors, f"{seed}: {answer}\n{json.dumps(schema)}"
                n_answers += 1
    assert n_answers > 0.9 * 2 * N_SCHEMAS


REFUSED = ["not", "if", "dependentSchemas", "contains", "propertyNames", "unevaluatedItems", "$dynamicRef"]


@pytest.mark.parametrize("keyword", REFUSED)
def test_keywords_that_no_answer_is_held_to_are_refused_by_name(constraints: Constraints, keyword: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        constraints.matcher(grammar({"type": "object", "properties": {"a": {"type": "object", keyword: {}}}}))
    assert str(refusal.value) == (
        f"`json_schema`: at `#/properties/a`: `{keyword}` is not supported; leave it out or say it in other keywords"
    )


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("", "is not JSON"),
        ('{"type": ', "is not JSON"),
        ('{"minimum": NaN}', "holds NaN"),
        ('{"maximum": 1e999}', "must be a number"),
        ('{"enum": [1e999]}', "too large"),
        (f'{{"minimum": {"9" * 5_000}}}', "is not JSON"),
        ('{"const": "\ud800"}', "half of a surrogate pair"),
        ("[" * 30_000, "nests deeper than 128 levels"),
        ('{"items":' * 30_000, "longer than 65,536 bytes"),
        ('{"items":' * 60 + "{}" + "}" * 60, "schemas nest deeper than 32"),
        ("[]", "must be an object"),
        ("false", "Unsatisfiable"),
        ({"type": "strin"}, "not a type"),
        ({"type": []}, "not a type"),
        ({"type": "string", "maxLength": 2_001}, "from 0 to 2,000"),
        ({"type": "string", "maxLength": -1}, "from 0 to 2,000"),
        ({"type": "string", "maxLength": "2"}, "from 0 to 2,000"),
        ({"type": "array", "minItems": 10**9}, "from 0 to 2,000"),
        ({"enum": list(range(1_025))}, "1 to 1,024 values"),
        ({"enum": []}, "1 to 1,024 values"),
        ({"properties": {str(number): {} for number in range(257)}}, "at most 256 schemas"),
        ({"anyOf": [{}] * 257}, "1 to 256 schemas"),
        ({"required": [1]}, "a list of at most 256 names"),
        ({"type": "string", "pattern": "(?=a)b"}, "no look-around"),
        ({"type": "string", "pattern": "(" * 100 + ")" * 100}, "more than 64 nested groups"),
        ({"type": "string", "pattern": "((a{100}){100}){100}"}, "more than 20,000 characters"),
        ({"patternProperties": {"(": {}}}, "without its `)`"),
        ({"type": "string", "format": "credit-card"}, "`\"credit-card\"` is not supported, only date"),
        ({"$ref": "https://example.org/schema"}, "must begin with `#/`"),
        ({"$ref": "#/$defs/none"}, "where there is no schema"),
        ({"$ref": "#"}, "nothing but itself"),
        ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}, "but itself"),
        ({"type": "integer", "multipleOf": 999_983}, "out of the range"),
        ({"allOf": [{"type": "integer", "multipleOf": prime} for prime in (991, 997)]}, "beyond 10,000 together"),
        ({"type": "object", "minProperties": 2}, "`minProperties` 2 is not supported"),
        ({"type": "array", "uniqueItems": True}, "`uniqueItems` is not supported"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "use `anyOf`"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "minimum"),
        ({"x-guidance": {"lenient": True}, "not": {}}, "`not`"),
    ],
)  # fmt: skip
def test_what_is_refused(constraints: Constraints, schema: object, says: str) -> None:
    begun = perf_counter()
    with pytest.raises(InvalidRequest, match="`json_schema`") as refusal:
        constraints.matcher(grammar(schema))
    assert says in str(refusal.value)
    assert perf_counter() - begun < 1


def chain(length: int, link: Callable[[object], object]) -> object:
    """Definitions of which each is made of the next one."""
    definitions = {f"d{index}": link({"$ref": f"#/$defs/d{index + 1}"}) for index in range(length)}
    return {"$defs": definitions | {f"d{length}": {"type": "null"}}, "$ref": "#/$defs/d0"}


LONG = {"type": "string", "maxLength": 2_000}
BOMBS = {
    "products of choices": {
        "allOf": [{"anyOf": [{"properties": {f"a{n}_{m}": LONG}} for m in range(6)]} for n in range(6)]
    },
    "all of twice the next": chain(25, lambda following: {"allOf": [following, following]}),
    "properties of the next": chain(60, lambda following: {"properties": {"x": following, "y": following}}),
    "any or a list of the next": chain(30, lambda following: {"anyOf": [following, {"items": following}]}),
    "many objects": {"anyOf": [{"properties": {f"p{n}": LONG for n in range(4)}} for _ in range(250)]},
    "long lists of long lists": {"items": {"type": "array", "minItems": 1_999, "items": LONG}, "maxItems": 2_000},
    "many patterns at once": {"allOf": [{"pattern": f"^.*{letter}.{{20}}$"} for letter in "abcdefghij"]},
    "a pattern of many ways": {"type": "string", "pattern": "^(.{0,2000}a){3}$"},
    "a pattern of many states": {"type": "string", "pattern": "a.{1000}b.{900}c"},
    "many constants": {"enum": [f"x{number}" * 10 for number in range(1_024)]},
}


@pytest.mark.parametrize("schema", BOMBS.values(), ids=BOMBS)
def test_bombs_go_off_within_bounds(constraints: Constraints, schema: object) -> None:
    """Either refused or followed, in little time and memory; some are only found out on the way."""
    before, begun = resident_bytes(), process_time()
    with contextlib.suppress(InvalidRequest):
        sampling.sample(constraints.matcher(grammar(schema)), random.Random(1), 150, 0.1)
    assert process_time() - begun < 2
    assert resident_bytes() - before < 200e6


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4_096


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        (True, ["1", '"a"', "[null]"], ["nul"]),
        ({"type": "object", "properties": {"a": {}}}, ['{"a": 1}', "{}"], ['{"b": 1}']),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, ['{"a": 1, "b": 1}'], []),
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}], "type": "object"}, ['{"a": 1, "b": 1}'], []),
        ({"type": "string", "format": "date"}, ['"2024-02-29"'], ['"2023-02-29"', '"1900-02-29"', '"2024-04-31"']),
        ({"format": "date", "pattern": "^2024", "type": "string"}, ['"2024-05-06"'], ['"2025-05-06"']),
        ({"type": ["string", "null"], "format": "date"}, ["null", '"2000-02-29"'], ['"x"']),
        ({"type": "integer", "format": "int32"}, ["7"], ['"7"']),
        ({"type": "array", "items": [{"const": 1}, {"const": 2}], "additionalItems": False},
         ["[1, 2]", "[1]"], ["[2]", "[1, 2, 3]"]),
        ({"oneOf": [{"type": "object", "properties": {"k": {"const": k}, k: {}}, "required": ["k", k]} for k in "ab"]},
         ['{"k": "a", "a": 1}', '{"k": "b", "b": 1}'], ['{"k": "a", "b": 1}']),
        ({"type": "object", "properties": {"a/b~c": {"type": "integer"}, "d": {"$ref": "#/properties/a~1b~0c"}}},
         ['{"d": 1}'], ['{"d": "1"}']),
        ({"$id": "https://example.org/", "$schema": "x", "title": "T", "deprecated": True, "x-a": 1, "const": 1},
         ["1"], ["2"]),
        ({"type": "object", "properties": {"next": {"$ref": "#"}}}, ['{"next": {"next": {}}}'], ['{"next": 1}']),
    ],
)  # fmt: skip
def test_what_a_schema_means(constraints: Constraints, schema: object, right: list[str], wrong: list[str]) -> None:
    matcher = constraints.matcher(grammar(schema))
    assert [text for text in right if not sampling.accepts(matcher, text)] == []
    assert [text for text in wrong if sampling.accepts(matcher, text)] == []
