"""Requests that nobody should send: each is refused with the name of the field, and the worker lives on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

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


class Case(NamedTuple):
    """A request: path, the field that the refusal must name, and the body; a string is sent as it stands.

    costly: an answer in time is as good as a refusal: whoever can compute it need not refuse it.
    """

    path: str
    name: str
    body: Body
    costly: bool = False


@dataclass
class BadInputs:
    """How many requests were sent, and what must not be."""

    sent: int = 0
    wrong: list[str] = field(default_factory=list)


def send_all(server: Server, n_ctx: int) -> BadInputs:
    """Send every bad request to a server with SmolLM2; its worker must be the same at the end."""
    result, worker = BadInputs(), server.running.worker()
    for case in [*_tokens(SMOLLM2_TOKENS), *_numbers(), *_schemas(), *_grammars(), *_others(n_ctx)]:
        result.sent += 1
        answer = _send(server, case.path, case.body)
        refused = answer.status == 400 and case.name in answer.body
        shown = case.body if isinstance(case.body, str) else json.dumps(case.body)
        if not refused and not (case.costly and answer.status == 200):
            result.wrong.append(f"{case.path} {shown[:120]}: {answer.status} {answer.body[:200]}")
        if server.running.worker() != worker:
            result.wrong.append(f"{case.path} {shown[:120]}: the worker died")
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
        yield Case(COMPLETION, "prompt", {"prompt": [100, token], "n_predict": 1})
    for token in (n_vocab, HUGE):
        yield Case(COMPLETION, "logit_bias", {"prompt": "x", "n_predict": 1, "logit_bias": [[token, 1.0]]})
    yield Case(COMPLETION, "prompt", {"prompt": [1.5], "n_predict": 1})
    yield Case(COMPLETION, "prompt", {"prompt": {}, "n_predict": 1})
    yield Case(COMPLETION, "prompt", {"prompt": [], "n_predict": 1})
    yield Case(COMPLETION, "prompt", {"n_predict": 1})


def _numbers() -> Iterator[Case]:
    for name in ("temperature", "top_p", "min_p", "repeat_penalty", "dry_base", "mirostat_tau"):
        yield Case(COMPLETION, "", f'{{"prompt": "x", "n_predict": 1, "{name}": NaN}}')
        yield Case(COMPLETION, "", f'{{"prompt": "x", "n_predict": 1, "{name}": Infinity}}')
        yield Case(COMPLETION, name, {"prompt": "x", "n_predict": 1, name: -HUGE})
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
            yield Case(COMPLETION, name, {"prompt": "x", "n_predict": 1, name: value})


def _schemas() -> Iterator[Case]:
    nested: object = {"type": "string"}
    for _ in range(400):
        nested = {"type": "array", "items": nested}
    wide = {"type": "object", "properties": {f"p{number}": {"type": "integer"} for number in range(20_000)}}
    doubling = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {"type": "null"}}
    for wrong in ("a string", 7, {"type": "no such type"}, {"$ref": "#/$defs/nowhere"}):
        yield Case(COMPLETION, "json_schema", {"prompt": "x", "n_predict": 1, "json_schema": wrong})
    bombs: list[object] = [
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
        yield Case(COMPLETION, "json_schema", {"prompt": "x", "n_predict": 1, "json_schema": bomb}, costly=True)


def _grammars() -> Iterator[Case]:
    for text in (
        f'root ::= {"(" * NESTED}"a"{")" * NESTED}',
        "root ::= (" * 2,
        "root ::= nowhere",
        "\0",
    ):
        yield Case(COMPLETION, "grammar", {"prompt": "x", "n_predict": 1, "grammar": text})
    for text in ("root ::= root", 'root ::= "a"{1000000000}'):
        yield Case(COMPLETION, "grammar", {"prompt": "x", "n_predict": 1, "grammar": text}, costly=True)
    both = {"grammar": 'root ::= "a"', "json_schema": {"type": "string"}}
    yield Case(COMPLETION, "grammar", {"prompt": "x", "n_predict": 1, **both})


def _others(n_ctx: int) -> Iterator[Case]:
    yield Case(COMPLETION, "", "[" * NESTED + "]" * NESTED)
    yield Case(COMPLETION, "", '{"prompt": ' + "[" * NESTED + "]" * NESTED + "}")
    for lora in ([{"id": 99, "scale": 1}], [{"id": -1, "scale": 1}], [{"id": 0, "scale": HUGE}], "x", [{"scale": 1}]):
        yield Case(COMPLETION, "lora", {"prompt": "x", "n_predict": 1, "lora": lora})
    yield Case(COMPLETION, "id_slot", {"prompt": "x", "n_predict": 1, "id_slot": HUGE})
    yield Case(COMPLETION, "stop", {"prompt": "x", "n_predict": 1, "stop": [5]})
    yield Case(COMPLETION, "samplers", {"prompt": "x", "n_predict": 1, "samplers": ["no such sampler"]})
    yield Case(CHAT, "messages", {"messages": []})
    yield Case(CHAT, "messages", {"messages": [{"role": 5, "content": "x"}]})
    yield Case(CHAT, "", {"messages": [{"role": "user", "content": "x " * (n_ctx + 1)}], "max_tokens": 1})
