"""Damaged requests, the same ones every time: each gets an answer below 500, and none leaves anything behind."""

import http.client
import json
import random
from typing import Any

import pytest

from tests.runtime.server.live import WAIT_S, Live, eventually

N_VALUES = 1500
N_BYTES = 700

SEEDS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {
        "model": "m", "temperature": 0.5, "top_p": 1, "n": 1, "stream": True, "stream_options": {"include_usage": True},
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "t"}]}],
        "max_completion_tokens": 5, "presence_penalty": 0, "logit_bias": {"5": 1}, "logprobs": True, "top_logprobs": 2,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": {"a": 1}}},
        "samplers": ["top_k"], "lora": [], "speculative.n_max": 3, "post_sampling_probs": True, "seed": 1,
        "tools": [], "user": "u", "stop": ["x"],
    }),
    ("/v1/completions", {"prompt": ["a", [1, 2]], "max_tokens": 5, "logprobs": 2, "n": 2, "best_of": 1, "echo": False,
                         "structured_outputs": {"choice": ["a", "b"]}, "samplers": "kt", "n_keep": 1, "id_slot": 1}),
    ("/completion", {
        "prompt": "a", "n_predict": 5, "stream": False, "stop": [], "n_probs": 2, "logit_bias": [[5, 1], [6, False]],
        "dry_sequence_breakers": ["\n"], "mirostat": 0, "return_tokens": True, "cache_prompt": True, "id_slot": -1,
        "grammar": "root ::= [a-z]", "grammar_lazy": True, "n_discard": 5,
        "grammar_triggers": [{"type": 1, "value": "x"}, {"type": 0, "token": 5}, {"type": 3, "value": "x"}],
    }),
]  # fmt: skip
STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 1e308, -0.0, 0.1, "", "x", "5", "\x00", "\ud7ff",
    "👋" * 50, [], [[]], [None], {}, {"a": None}, {"type": "image_url"}, [1, "a"], ["x"] * 100, {"role": "user"},
    [{"role": "user", "content": "x"}],
]  # fmt: skip
PIECES = [b"\xff", b"\x00", b"[" * 200, b'"', b"\\u", b"\\ud800", b"1e999", b"NaN", b"{", b"}", b",,"]


def damaged_value(dice: random.Random, value: Any) -> Any:
    """`value` with one part replaced, removed, doubled or nested, somewhere inside."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        key = dice.choice(list(value))
        if dice.random() < 0.1:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: damaged_value(dice, value[key])}
    if isinstance(value, list) and value and dice.random() < 0.6:
        at = dice.randrange(len(value))
        return [*value[:at], damaged_value(dice, value[at]), *value[at:]]
    return dice.choice([*STRANGE, [value], {"x": value}])


def damaged_bytes(dice: random.Random, body: bytes) -> bytes:
    """`body` with a few bytes flipped, cut out or put in."""
    data = bytearray(body)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        kind = dice.random()
        if kind < 0.4 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif kind < 0.7:
            del data[at : at + dice.randint(1, 20)]
        else:
            data[at:at] = dice.choice(PIECES)
    return bytes(data)


def send(connection: http.client.HTTPConnection, path: str, body: bytes) -> int:
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    answer = reply.read()
    if reply.status != 200:
        assert set(json.loads(answer)) == {"error"}
    return reply.status


@pytest.mark.parametrize("seed", range(3))
def test_damaged_requests(server: Live, seed: int) -> None:
    dice = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
    statuses = []
    for number in range(N_VALUES + N_BYTES):
        path, good = SEEDS[number % len(SEEDS)]
        if number < N_VALUES:
            damaged = good
            for _ in range(dice.randint(1, 3)):
                damaged = damaged_value(dice, damaged)
            body = json.dumps(damaged).encode()
        else:
            body = damaged_bytes(dice, json.dumps(good).encode())
        statuses.append(send(connection, path, body))
    connection.close()
    assert set(statuses) == {200, 400}
    assert statuses.count(400) > len(statuses) / 3
    assert server.engine.cancelled == []
    assert eventually(lambda: server.get("/health").status == 200)
