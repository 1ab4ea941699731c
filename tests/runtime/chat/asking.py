"""Random tools with arguments that are valid for them, and what a form reads out of an answer."""

import json
import random
from typing import Any

from runtime.chat import CallBegan, CallGrew, Conversation, Form, Piece, Said, Thought, Tool

WORDS = ["Oslo", "a b", "", 'say "x"', "back\\slash", "two\nlines", "ünï 日本", "{[,]}", "5", "true", " x "]
MARKS = ["</tool_call>", "<think>", "[ARGS]", '"}', "<|call|>"]
"""What only formats with quotes can hold."""

NAMES = ["get_weather", "add", "add_all", "files-list", "ns.search"]
KEYS = ["city", "n", "limit", "tags", "on", "unit", "filter"]


def tools_and_calls(seed: int, n_calls: int, quotes: bool) -> tuple[list[Tool], list[tuple[str, dict[str, Any]]]]:
    """Return tools, and so many calls of them. quotes: strings may hold marks."""
    rng = random.Random(seed)
    made = [_tool(rng, name, quotes) for name in rng.sample(NAMES, rng.randint(1, 4))]
    calls = []
    for _ in range(n_calls):
        tool, values = rng.choice(made)
        required = tool.parameters.get("required", [])
        chosen = {key: rng.choice(some) for key, some in values.items() if key in required or rng.random() < 0.6}
        calls.append((tool.name, chosen))
    return [tool for tool, _ in made], calls


def _tool(rng: random.Random, name: str, quotes: bool) -> tuple[Tool, dict[str, list[Any]]]:
    words = WORDS + (MARKS if quotes else [])
    kinds: list[tuple[dict[str, Any], list[Any]]] = [
        ({"type": "string"}, words),
        ({"type": "integer"}, [0, -3, 12345]),
        ({"type": "number", "description": "how much"}, [0.5, -2, 10]),
        ({"type": "boolean"}, [True, False]),
        ({"type": "array", "items": {"type": "string"}}, [[], ["a"], ["a b", "c"]]),
        ({"enum": ["celsius", "cel"]}, ["celsius", "cel"]),
        ({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}, [{}, {"a": 1}]),
    ]
    keys = rng.sample(KEYS, rng.randint(0, 5))
    chosen = {key: rng.choice(kinds) for key in keys}
    parameters: dict[str, Any] = {"type": "object", "properties": {key: schema for key, (schema, _) in chosen.items()}}
    parameters["required"] = [key for key in keys if rng.random() < 0.6]
    return Tool(name, "does it", parameters), {key: values for key, (_, values) in chosen.items()}


def read(form: Form, conversation: Conversation, prompt: str, parts: list[str]) -> list[Piece]:
    """Return what was read, neighbours joined, ids and white space in arguments left out."""
    reader = form.reader(conversation, prompt)
    pieces = [piece for part in parts for piece in reader.push(part)] + reader.finish()
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, CallBegan):
            joined.append(piece._replace(id=""))
        elif isinstance(piece, CallGrew) and isinstance(last, CallGrew) and last.place == piece.place:
            joined[-1] = CallGrew(last.place, last.arguments + piece.arguments)
        elif isinstance(piece, Said | Thought) and type(piece) is type(last):
            joined[-1] = type(piece)(last.text + piece.text)
        else:
            joined.append(piece)
    return joined


def calls_of(pieces: list[Piece]) -> list[tuple[str, Any]]:
    """Return names and arguments of the calls among the pieces."""
    found: list[list[str]] = []
    for piece in pieces:
        if isinstance(piece, CallBegan):
            found.append([piece.name, ""])
        elif isinstance(piece, CallGrew):
            found[piece.place][1] += piece.arguments
    return [(name, json.loads(arguments)) for name, arguments in found]


def said(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Said))


def thought(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Thought))
