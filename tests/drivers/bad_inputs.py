"""Requests that nobody should send: each is refused with the name of the field, and the worker lives on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.serving import Server
from tests.streams import Stream, ask_all

LIMIT_S = 20.0
SMOLLM2_TOKENS = 49_152
"""The size of its vocabulary."""
NESTED = 30_000
HUGE = 10**30
COMPLETION = "/completion"
CHAT = "/v1/chat/completions"

Body = dict[str, object] | str
Case = tuple[str, str, Body]
"""Path, the field that the refusal must name, and the body; a string is sent as it stands."""


@dataclass
class BadInputs:
    """How many requests were sent, and what must not be."""

    sent: int = 0
    wrong: list[str] = field(default_factory=list)


def send_all(server: Server, n_ctx: int) -> BadInputs:
    """Send every bad request to a server with SmolLM2; its worker must be the same at the end."""
    result, worker = BadInputs(), server.running.worker()
    for path, name, body in [*_tokens(SMOLLM2_TOKENS), *_numbers(), *_schemas(), *_grammars(), *_others(n_ctx)]:
        result.sent += 1
        answer = _send(server, path, body)
        shown = body if isinstance(body, str) else json.dumps(body)
        if answer.status != 400 or (name and name not in answer.body):
            result.wrong.append(f"{path} {shown[:120]}: {answer.status} {answer.body[:200]}")
        if server.running.worker() != worker:
            result.wrong.append(f"{path} {shown[:120]}: the worker died")
            worker = server.running.until(server.running.worker)
            server.wait_ready()
    return result


def long_prompts(server: Server, n_ctx: int) -> list[str]:
    """Prompts of 1, n_ctx - 1, n_ctx and n_ctx + 1 tokens: those that leave room are answered, the others refused."""
    wrong, worker = [], server.running.worker()
    for n_prompt, right in ((1, 200), (2, 200), (n_ctx - 1, 200), (n_ctx, 400), (n_ctx + 1, 400)):
        answer = _send(server, COMPLETION, {"prompt": [100 + place % 997 for place in range(n_prompt)], "n_predict": 1})
        if answer.status != right:
            wrong.append(f"a prompt of {n_prompt} tokens with {n_ctx}: {answer.status} {answer.body[:200]}")
    if server.running.worker() != worker:
        wrong.append("the worker died of a long prompt")
    return wrong


def _send(server: Server, path: str, body: Body) -> Stream:
    return ask_all(server.port, [body], path, LIMIT_S)[0]


def _tokens(n_vocab: int) -> Iterator[Case]:
    for token in (-1, n_vocab, 2**31, 2**63, -(2**31), HUGE):
        yield COMPLETION, "prompt", {"prompt": [100, token], "n_predict": 1}
    for token in (n_vocab, HUGE):
        yield COMPLETION, "logit_bias", {"prompt": "x", "n_predict": 1, "logit_bias": [[token, 1.0]]}
    yield COMPLETION, "prompt", {"prompt": [1.5], "n_predict": 1}
    yield COMPLETION, "prompt", {"prompt": {}, "n_predict": 1}
    yield COMPLETION, "prompt", {"prompt": [], "n_predict": 1}
    yield COMPLETION, "prompt", {"n_predict": 1}


def _numbers() -> Iterator[Case]:
    for name in ("temperature", "top_p", "min_p", "repeat_penalty", "dry_base", "mirostat_tau"):
        yield COMPLETION, "", f'{{"prompt": "x", "n_predict": 1, "{name}": NaN}}'
        yield COMPLETION, "", f'{{"prompt": "x", "n_predict": 1, "{name}": Infinity}}'
        yield COMPLETION, name, {"prompt": "x", "n_predict": 1, name: -HUGE}
    for name in (
        "n_predict",
        "top_k",
        "seed",
        "n_probs",
        "repeat_last_n",
        "mirostat",
        "dry_allowed_length",
        "min_keep",
    ):
        for value in (HUGE, -HUGE, 1.5):
            yield COMPLETION, name, {"prompt": "x", "n_predict": 1, name: value}


def _schemas() -> Iterator[Case]:
    nested: object = {"type": "string"}
    for _ in range(400):
        nested = {"type": "array", "items": nested}
    wide = {"type": "object", "properties": {f"p{number}": {"type": "integer"} for number in range(20_000)}}
    doubling = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {"type": "null"}}
    bombs: list[object] = [
        "a string",
        7,
        {"type": "no such type"},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "#"},
        {"type": "string", "minLength": 10**9},
        {"type": "array", "items": {"type": "string"}, "minItems": 10**9},
        {"type": "string", "pattern": "(a{1000}){1000}"},
        {"type": "string", "pattern": "(" * 1000},
        {"$defs": doubling, "$ref": "#/$defs/d0"},
        nested,
        wide,
    ]
    for bomb in bombs:
        yield COMPLETION, "json_schema", {"prompt": "x", "n_predict": 1, "json_schema": bomb}


def _grammars() -> Iterator[Case]:
    for text in (
        f'root ::= {"(" * NESTED}"a"{")" * NESTED}',
        "root ::= (" * 2,
        "root ::= nowhere",
        "root ::= root",
        'root ::= "a"{1000000000}',
        "\0",
    ):
        yield COMPLETION, "grammar", {"prompt": "x", "n_predict": 1, "grammar": text}
    both = {"grammar": 'root ::= "a"', "json_schema": {"type": "string"}}
    yield COMPLETION, "grammar", {"prompt": "x", "n_predict": 1, **both}


def _others(n_ctx: int) -> Iterator[Case]:
    yield COMPLETION, "", "[" * NESTED + "]" * NESTED
    yield COMPLETION, "", '{"prompt": ' + "[" * NESTED + "]" * NESTED + "}"
    for lora in ([{"id": 99, "scale": 1}], [{"id": -1, "scale": 1}], [{"id": 0, "scale": HUGE}], "x", [{"scale": 1}]):
        yield COMPLETION, "lora", {"prompt": "x", "n_predict": 1, "lora": lora}
    yield COMPLETION, "id_slot", {"prompt": "x", "n_predict": 1, "id_slot": HUGE}
    yield COMPLETION, "stop", {"prompt": "x", "n_predict": 1, "stop": [5]}
    yield COMPLETION, "samplers", {"prompt": "x", "n_predict": 1, "samplers": ["no such sampler"]}
    yield CHAT, "messages", {"messages": []}
    yield CHAT, "messages", {"messages": [{"role": 5, "content": "x"}]}
    yield CHAT, "", {"messages": [{"role": "user", "content": "x " * (n_ctx + 1)}], "max_tokens": 1}
