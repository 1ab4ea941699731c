"""JSON schemas: every answer that a matcher lets through is valid, and what cannot be held to is refused."""

import json
import random
from datetime import date, datetime, time
from typing import Any

import jsonschema
import pytest

from runtime.engine.backend import InvalidRequest
from runtime.engine.constraints import schema as checked
from runtime.engine.constraints.constraints import Constraints
from runtime.engine.constraints.grammar import Grammar
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
        checker.checks(name, ValueError)(lambda value, read=read: not isinstance(value, str) or read.fromisoformat(value))
    return jsonschema.Draft202012Validator(schema, format_checker=checker)


def test_answers_are_valid_for_300_schemas(constraints: Constraints) -> None:
    """A token at random, 49,152 to choose from, is a harder test than a model, which means well."""
    n_answers = 0
    for seed in range(N_SCHEMAS):
        schema = schemas.schema(seed)
        jsonschema.Draft202012Validator.check_schema(schema)
        matcher, rng = constraints.matcher(grammar(schema)), random.Random(seed)
        for _ in range(3):
            answer = sampling.sample(matcher.fork(), rng, TOKENS, ending=0.7)
            if answer is not None:
                errors = [error.message for error in validator(schema).iter_errors(json.loads(answer))]
                assert not errors, f"{seed}: {answer}\n{json.dumps(schema)}"
                n_answers += 1
    assert n_answers > 0.9 * 3 * N_SCHEMAS
