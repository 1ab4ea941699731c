"""Completions that tell the prompt, fill a gap, or choose among more answers than they tell."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from runtime.engine.protocol import Delta, Event, Finished, Generate, ModelFacts, Prompted, Started, TokenProbability
from tests.runtime.server.live import FACTS, TIMINGS, Live, ScriptedEngine, say

TEXT = "/v1/completions"
BOS = msgspec.structs.replace(FACTS, adds_bos=True, bos=1)
INFILL = msgspec.structs.replace(FACTS, infill={"pre": 10, "suf": 11, "mid": 12})


def likely(token: str, logprob: float, number: int = 9, n_top: int = 1) -> TokenProbability:
    top = [TokenProbability(id=0, token="t", bytes=[], logprob=-0.1) for _ in range(n_top)]
    return TokenProbability(id=number, token=token, bytes=[], logprob=logprob, top_logprobs=top)


def known(request: Generate) -> Iterable[Event | float]:
    """The prompt `<s>Hi there` and the answer `Yo`, with probabilities as far as they were asked for."""
    assert request.prompt_probs >= 0
    yield Started(id=request.id, prompt="Hi there", n_prompt=3, n_cached=0)
    yield Prompted(id=request.id, probabilities=[likely("<s>", 0, 1, n_top=0), likely("Hi", -1)])
    yield Prompted(id=request.id, probabilities=[likely(" there", -2)])
    if request.max_tokens:
        yield Delta(id=request.id, text="Yo", tokens=[9], probabilities=[likely("Yo", -0.5)])
    yield Finished(id=request.id, reason="length", timings=TIMINGS, seed=1)


def test_the_prompt_is_told(server: Live) -> None:
    assert server.post(TEXT, {"prompt": "Say: ", "echo": True}).json()["choices"][0]["text"] == "Say: Hello there."
    chunks = server.post(TEXT, {"prompt": [1, 2], "echo": True, "stream": True}).events()
    assert [chunk["choices"][0]["text"] for chunk in chunks] == ["<the prompt>Hello", " there", ".", ""]
    assert server.engine.asked[0].prompt_probs == -1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("max_tokens", [1, 0])
def test_how_likely_the_prompt_was(start: Callable[..., Live], stream: bool, max_tokens: int) -> None:
    body = {"prompt": "Hi there", "echo": True, "logprobs": 1, "max_tokens": max_tokens}
    server = start(ScriptedEngine(known))
    choice = told(server, body, stream)
    expected = {
        "tokens": ["<s>", "Hi", " there", "Yo"],
        "token_logprobs": [None, -1, -2, -0.5],
        "top_logprobs": [None, {"t": -0.1}, {"t": -0.1}, {"t": -0.1}],
        "text_offset": [0, 3, 5, 11],
    }
    n_tokens = 3 + max_tokens
    assert choice["logprobs"] == {name: values[:n_tokens] for name, values in expected.items()}
    assert choice["text"] == ("Hi thereYo" if max_tokens else "Hi there")
    assert choice["finish_reason"] == "length"
    # A token that the engine has put before the text is no part of what is told.
    choice = told(start(ScriptedEngine(known, facts=BOS)), body, stream)
    assert choice["logprobs"]["tokens"][0] == "Hi"
    assert choice["logprobs"]["token_logprobs"][0] == -1
    assert choice["logprobs"]["text_offset"][:2] == [0, 2]


def told(server: Live, body: dict[str, Any], stream: bool) -> dict[str, Any]:
    """The choice of an answer; of a stream, all its parts together."""
    if not stream:
        whole: dict[str, Any] = server.post(TEXT, body).json()["choices"][0]
        return whole
    parts = [chunk["choices"][0] for chunk in server.post(TEXT, {**body, "stream": True}).events()]
    logprobs: dict[str, list[object]] = {}
    for part in parts:
        for name, values in (part["logprobs"] or {}).items():
            logprobs.setdefault(name, []).extend(values)
    text = "".join(part["text"] for part in parts)
    return {"text": text, "logprobs": logprobs, "finish_reason": parts[-1]["finish_reason"]}


@pytest.mark.parametrize(
    ("facts", "prompt", "expected"),
    [
        (INFILL, "def f(", [10, "def f(", 11, "): pass", 12]),
        (INFILL, [5, 6], [10, 5, 6, 11, "): pass", 12]),
        (msgspec.structs.replace(INFILL, adds_bos=True, bos=1), "x", [1, 10, "x", 11, "): pass", 12]),
    ],
)
def test_a_gap_is_filled(start: Callable[..., Live], facts: ModelFacts, prompt: object, expected: object) -> None:
    server = start(ScriptedEngine(facts=facts))
    answer = server.post(TEXT, {"prompt": prompt, "suffix": "): pass"}).json()
    assert answer["choices"][0]["text"] == "Hello there."
    assert server.engine.asked[0].prompt == expected


def test_the_best_are_told(server: Live) -> None:
    def script(request: Generate) -> Iterable[Event | float]:
        place = request.id % 4
        yield Started(id=request.id, prompt="", n_prompt=5, n_cached=0)
        yield Delta(id=request.id, text=str(place), tokens=[1], probabilities=[likely("x", -place)])
        yield Finished(id=request.id, reason="stop", timings=TIMINGS, seed=1)

    server.engine.script = script
    answer = server.post(TEXT, {"prompt": ["a", "b"], "best_of": 4, "n": 2}).json()
    assert [(one["index"], one["text"], one["logprobs"]) for one in answer["choices"]] == [
        (0, "0", None), (1, "1", None), (2, "0", None), (3, "1", None),
    ]  # fmt: skip
    assert answer["usage"]["prompt_tokens"] == 10
    assert answer["usage"]["completion_tokens"] == 24
    assert all(one.n_probs == 1 for one in server.engine.asked)


REFUSED = [
    ({"best_of": 1, "n": 2}, "`best_of`: expected at least `n`, which is 2."),
    ({"best_of": 2, "stream": True}, "`best_of`: the best answers cannot be known while they stream"),
    ({"suffix": "x"}, "`suffix`: this model has no tokens for filling in text."),
    ({"suffix": "x", "echo": True}, "`suffix`: `echo` excludes it."),
]


@pytest.mark.parametrize(("fields", "expected"), REFUSED)
def test_refusals(server: Live, fields: dict[str, Any], expected: str) -> None:
    reply = server.post(TEXT, {"prompt": "x", **fields})
    assert reply.status == 400
    assert reply.json()["error"]["message"].startswith(expected)
    assert server.engine.asked == []


def test_a_mixed_prompt(server: Live) -> None:
    server.engine.script = say("x")
    server.post(TEXT, {"prompt": [1, "two", 3]})
    assert server.engine.asked[0].prompt == [1, "two", 3]
