"""Compares the page's JSON schema validator with the Python package `jsonschema`, on random schemas and values."""

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema

from tests.webui.node import NODE

SCRIPT = Path(__file__).with_name("verdicts.mjs")
N_PAIRS = 6000
TIMEOUT_S = 60
DEPTH = 3

Json = object
Made = Callable[[random.Random, int], Json]


def value(rng: random.Random, depth: int = DEPTH) -> Json:
    """Any JSON, small, of few different parts so that it often fits."""
    makers: list[Made] = [
        lambda r, d: r.choice([None, True, False]),
        lambda r, d: r.choice([-1, 0, 1, 2, 3, 2.0, 2.5, 10**9]),
        lambda r, d: r.choice(["", "a", "ab", "abc", "é💧", "5"]),
    ]
    if depth:
        makers += [
            lambda r, d: [value(r, d - 1) for _ in range(r.randrange(4))],
            lambda r, d: {r.choice("abc"): value(r, d - 1) for _ in range(r.randrange(4))},
        ]
    return rng.choice(makers)(rng, depth)


def schema(rng: random.Random, depth: int = DEPTH) -> Json:
    """A schema of at most three keywords, and of schemas in them."""
    if rng.random() < 0.05:
        return rng.random() < 0.7
    found: dict[str, Json] = {}
    for _ in range(rng.randrange(4)):
        keyword = rng.choice([name for name in KEYWORDS if depth or name not in DEEPER])
        found[keyword] = KEYWORDS[keyword](rng, depth - 1)
    return found


def several(rng: random.Random, depth: int) -> Json:
    return [schema(rng, depth) for _ in range(rng.randint(1, 3))]


def by_name(rng: random.Random, depth: int) -> Json:
    return {rng.choice("abc"): schema(rng, depth) for _ in range(rng.randint(1, 3))}


def type_(rng: random.Random, depth: int) -> Json:
    names = ["null", "boolean", "integer", "number", "string", "array", "object"]
    return rng.choice(names) if rng.random() < 0.7 else rng.sample(names, 2)


COUNTS = ("minItems maxItems minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum").split()
DEEPER: dict[str, Made] = {
    "properties": by_name, "additionalProperties": schema, "items": schema, "prefixItems": several,
    "anyOf": several, "oneOf": several, "allOf": several,
}  # fmt: skip
KEYWORDS: dict[str, Made] = {
    **DEEPER,
    **dict.fromkeys(COUNTS, lambda r, d: r.randrange(4)),
    "type": type_,
    "$ref": lambda r, d: r.choice(["#/$defs/x", "#/$defs/y"]),
    "enum": lambda r, d: [value(r, 1) for _ in range(3)],
    "const": lambda r, d: value(r, 2),
    "required": lambda r, d: r.sample("abc", r.randint(1, 2)),
    "pattern": lambda r, d: r.choice(["^a", "b$", "^[a-c]{2,3}$", "\\d"]),
    "unheardOf": lambda r, d: r.random(),
}  # fmt: skip


def test_verdicts_are_those_of_another_validator() -> None:
    rng = random.Random(20_26)
    pairs: list[tuple[Json, Json]] = []
    while len(pairs) < N_PAIRS:
        root = schema(rng)
        if not isinstance(root, dict):
            continue
        # What is referred to refers to nothing, so that no schema is its own.
        root["$defs"] = {
            "x": {"items": root.get("items", {}), "type": type_(rng, 0)},
            "y": {"enum": [1, "a", None]},
        }
        if "$ref" not in json.dumps(root["$defs"]):
            pairs.extend((root, value(rng)) for _ in range(3))
    answer = subprocess.run(
        [NODE, str(SCRIPT)], input=json.dumps(pairs), capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    ours = json.loads(answer.stdout)
    theirs = [jsonschema.Draft202012Validator(one).is_valid(item) for one, item in pairs]
    wrong = [(pair, mine) for pair, mine, other in zip(pairs, ours, theirs, strict=True) if mine != other]
    assert not wrong, json.dumps(wrong[:3], ensure_ascii=False)
    assert 0.2 < sum(ours) / len(ours) < 0.8, "the pairs say little"
