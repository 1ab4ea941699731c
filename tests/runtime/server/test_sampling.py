"""Samplers by name and letter, probabilities after sampling, context shift, guesses, and slots wished for."""

import math
from typing import Any

import pytest

from runtime.engine.protocol import DEFAULT_SAMPLERS, Delta, Finished, Started, Timings
from tests.runtime.server.live import Live
from tests.runtime.server.test_openai import probable

CHAT, TEXT, NATIVE = "/v1/chat/completions", "/v1/completions", "/completion"
PATHS = [CHAT, TEXT, NATIVE]
BASE: dict[str, Any] = {"prompt": "x", "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, DEFAULT_SAMPLERS),
        ([], []),
        ("", []),
        (["top_k", "temperature"], ["top_k", "temperature"]),
        (["top-k", "topk", "typical", "typical_p", "typ_p", "temp", "nucleus"],
         ["top_k", "top_k", "typ_p", "typ_p", "typ_p", "temperature", "top_p"]),
        ("edskypmxti", [*DEFAULT_SAMPLERS, "infill"]),
        ("kt", ["top_k", "temperature"]),
    ],
)  # fmt: skip
def test_samplers(server: Live, path: str, given: object, expected: list[str]) -> None:
    assert server.post(path, {**BASE, "samplers": given}).status == 200
    assert server.engine.asked[-1].sampling.samplers == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["no such sampler"], "`samplers`: `no such sampler` is none; expected `penalties`, "),
        ("kz", "`samplers`: `z` is none; expected `e`, `d`, "),
        (["adaptive_p"], "`samplers`: `adaptive_p` is none"),
        (["top_k"] * 33, "`samplers`: expected at most 32 of them."),
        ("k" * 33, "`samplers`: expected at most 32 of them."),
        ([5], "`samplers[0]`: expected `str`"),
        ({"top_k": 1}, "`samplers`: expected "),
        (5, "`samplers`: expected "),
    ],
)
def test_wrong_samplers(server: Live, given: object, expected: str) -> None:
    refused(server, expected, samplers=given)


def refused(server: Live, expected: str, **fields: object) -> None:
    reply = server.post(NATIVE, {"prompt": "x", **fields})
    assert reply.status == 400
    assert reply.json()["error"]["message"].startswith(expected)
    assert server.engine.asked == []


def test_probabilities_after_sampling(server: Live) -> None:
    server.engine.script = probable
    fields = {"n_probs": 2, "post_sampling_probs": True}
    whole = server.post(NATIVE, {**BASE, **fields}).json()
    assert server.engine.asked[-1].post_sampling
    assert whole["generation_settings"]["post_sampling_probs"] is True
    first, second = whole["completion_probabilities"]
    assert first == {
        "id": 9, "token": "He", "bytes": [72, 101], "prob": math.exp(-0.5),
        "top_probs": [{"id": 0, "token": "a", "bytes": [97], "prob": 1.0},
                      {"id": 1, "token": "b", "bytes": [98], "prob": math.exp(-1)}],
    }  # fmt: skip
    assert second["prob"] == 0.0
    chunks = server.post(NATIVE, {**BASE, **fields, "stream": True}).events()
    assert chunks[0]["completion_probabilities"] == [first]
    chat = server.post(CHAT, {**BASE, "logprobs": True, "top_logprobs": 2, "post_sampling_probs": True}).json()
    assert chat["choices"][0]["logprobs"]["content"] == [first, second]


FIELDS: list[tuple[str, str, int, int, int]] = [
    ("n_keep", "n_keep", -1, 1 << 24, 0),
    ("n_discard", "n_discard", 0, 1 << 24, 0),
    ("id_slot", "slot", -1, 3, -1),
    ("speculative.n_max", "n_draft", -1, 1024, -1),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("field", "name", "low", "high", "default"), FIELDS)
def test_numbers_beside_the_samplers(
    server: Live, path: str, field: str, name: str, low: int, high: int, default: int
) -> None:
    for given, expected in ((low, low), (high, high), (None, default)):
        assert server.post(path, {**BASE, field: given}).status == 200
        assert getattr(server.engine.asked[-1], name) == expected
    server.engine.asked.clear()
    for wrong in (low - 1, high + 1, 10**30, -(10**30), 1.5, "1", True, []):
        reply = server.post(path, {**BASE, field: wrong})
        assert (reply.status, server.engine.asked) == (400, [])
        assert reply.json()["error"]["message"].startswith(f"`{field}`: expected ")


def test_copies_do_not_queue_for_one_slot(server: Live) -> None:
    server.post(NATIVE, {"prompt": "x", "n": 3, "id_slot": 2})
    assert sorted(asked.slot for asked in server.engine.asked) == [-1, -1, 2]


def test_the_slot_and_the_guesses_are_told(server: Live) -> None:
    def script(request: Any) -> Any:
        yield Started(id=request.id, prompt="", n_prompt=5, n_cached=3, slot=2)
        yield Delta(id=request.id, text="x", tokens=[1])
        timings = Timings(
            cache_n=3, prompt_n=2, prompt_ms=4.0, predicted_n=3, predicted_ms=10.0, draft_n=8, draft_n_accepted=5
        )
        yield Finished(id=request.id, reason="stop", timings=timings, seed=1)

    server.engine.script = script
    whole = server.post(NATIVE, {"prompt": "x"}).json()
    assert (whole["id_slot"], whole["timings"]["draft_n"], whole["timings"]["draft_n_accepted"]) == (2, 8, 5)
    assert (whole["timings"]["cache_n"], whole["tokens_cached"]) == (3, 7)
    chunk = server.post(NATIVE, {"prompt": "x", "stream": True}).events()[0]
    assert chunk["id_slot"] == 2
    chat = server.post(CHAT, BASE).json()
    assert chat["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}
    assert chat["timings"]["draft_n_accepted"] == 5


def test_the_servers_own_defaults(start: Any) -> None:
    server = start(cache_prompt=False, n_keep=7)
    server.post(NATIVE, {"prompt": "x"})
    assert (server.engine.asked[-1].cache_prompt, server.engine.asked[-1].n_keep) == (False, 7)
    server.post(NATIVE, {"prompt": "x", "cache_prompt": True, "n_keep": 0})
    assert (server.engine.asked[-1].cache_prompt, server.engine.asked[-1].n_keep) == (True, 0)
