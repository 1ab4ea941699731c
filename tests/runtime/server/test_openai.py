"""OpenAI's dialect, to the byte where clients depend on it."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from runtime.engine.protocol import Delta, Event, Finished, Generate, Started, TokenProbability
from tests.runtime.server.live import TIMINGS, Live, ScriptedEngine, fail, say

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
HI = {"messages": [{"role": "user", "content": "hi"}]}
USAGE = {
    "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "prompt_tokens_details": {"cached_tokens": 3},
}  # fmt: skip
MEASURED = {
    "cache_n": 3, "prompt_n": 2, "prompt_ms": 4.0, "prompt_per_token_ms": 2.0, "prompt_per_second": 500.0,
    "predicted_n": 3, "predicted_ms": 10.0, "predicted_per_token_ms": 5.0, "predicted_per_second": 200.0,
}  # fmt: skip


def without_frame(chunk: dict[str, Any], kind: str) -> dict[str, Any]:
    """The chunk less the keys that all chunks of an answer share, which are checked here."""
    assert chunk.pop("object") == kind
    assert chunk.pop("model") == "tiny"
    assert chunk.pop("system_fingerprint") == "lmfile/test"
    assert isinstance(chunk.pop("created"), int)
    chunk.pop("id")
    return chunk


def test_a_whole_chat_answer(server: Live) -> None:
    reply = server.post(CHAT, {**HI, "model": "whatever"})
    answer = reply.json()
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer["id"].startswith("chatcmpl-")
    assert without_frame(answer, "chat.completion") == {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there."},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
        "timings": MEASURED,
    }


def test_a_streamed_chat_answer(server: Live) -> None:
    reply = server.post(CHAT, {**HI, "stream": True})
    assert reply.headers["Content-Type"] == "text/event-stream"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.body.endswith(b"}\n\ndata: [DONE]\n\n")
    assert all(line.startswith(b"data: ") or line == b"" for line in reply.body.split(b"\n"))
    chunks = reply.events()
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert [without_frame(chunk, "chat.completion.chunk") for chunk in chunks] == [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": " there"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "."}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "timings": MEASURED},
    ]


def test_a_streamed_chat_answer_with_usage(server: Live) -> None:
    reply = server.post(CHAT, {**HI, "stream": True, "stream_options": {"include_usage": True}})
    *_, finish, counts = [without_frame(chunk, "chat.completion.chunk") for chunk in reply.events()]
    assert finish == {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    assert counts == {"choices": [], "usage": USAGE, "timings": MEASURED}


@pytest.mark.parametrize(("reason", "expected"), [("stop", "stop"), ("word", "stop"), ("length", "length")])
def test_finish_reasons(server: Live, reason: str, expected: str) -> None:
    server.engine.script = say("x", reason=reason)
    assert server.post(CHAT, HI).json()["choices"][0]["finish_reason"] == expected
    assert server.post(TEXT, {"prompt": "x"}).json()["choices"][0]["finish_reason"] == expected
    streamed = server.post(CHAT, {**HI, "stream": True}).events()
    assert streamed[-1]["choices"][0]["finish_reason"] == expected


def test_an_empty_answer(server: Live) -> None:
    server.engine.script = say()
    assert server.post(CHAT, HI).json()["choices"][0]["message"]["content"] == ""
    streamed = server.post(CHAT, {**HI, "stream": True}).events()
    assert [chunk["choices"][0]["delta"] for chunk in streamed] == [{"role": "assistant", "content": None}, {}]


def test_what_the_engine_is_asked(server: Live) -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "assistant", "content": None},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}], "name": "Ann"},
    ]
    server.post(CHAT, {"messages": messages, "max_tokens": 9, "stop": "x", "seed": 7, "temperature": 0.5})
    asked = server.engine.asked[0]
    assert asked.chat and asked.chat.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "one\ntwo", "name": "Ann"},
    ]
    assert (asked.prompt, asked.max_tokens, asked.stop, asked.n_probs) == (None, 9, ["x"], 0)
    assert (asked.sampling.seed, asked.sampling.temperature, asked.chat.add_generation_prompt) == (7, 0.5, True)


def test_several_answers(server: Live) -> None:
    answer = server.post(CHAT, {**HI, "n": 3, "seed": 2**32 - 1}).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"] == {**USAGE, "completion_tokens": 9, "total_tokens": 14}
    assert [asked.sampling.seed for asked in server.engine.asked] == [2**32 - 1, 0, 1]
    assert len({asked.id for asked in server.engine.asked}) == 3


def test_several_streamed_answers(server: Live) -> None:
    chunks = server.post(CHAT, {**HI, "n": 2, "stream": True}).events()
    for index in (0, 1):
        mine = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["index"] == index]
        assert "".join(choice["delta"].get("content") or "" for choice in mine) == "Hello there."
        assert [choice["finish_reason"] for choice in mine] == [None] * 4 + ["stop"]
    assert [("timings" in chunk) for chunk in chunks] == [False] * 9 + [True]


def probable(request: Generate) -> Iterable[Event | float]:
    """Two tokens with two alternatives each, one of them impossible."""
    yield Started(id=request.id, prompt="", n_prompt=5, n_cached=3)
    for text, ln_p in (("He", -0.5), ("llo", float("-inf"))):
        others = [TokenProbability(id=i, token=t, bytes=list(t.encode()), logprob=-i) for i, t in enumerate("ab")]
        drawn = TokenProbability(id=9, token=text, bytes=list(text.encode()), logprob=ln_p, top_logprobs=others)
        yield Delta(id=request.id, text=text, tokens=[9], probabilities=[drawn])
    yield Finished(id=request.id, reason="stop", timings=TIMINGS, seed=1)


def test_chat_logprobs(server: Live) -> None:
    server.engine.script = probable
    whole = server.post(CHAT, {**HI, "logprobs": True, "top_logprobs": 1}).json()["choices"][0]["logprobs"]
    assert server.engine.asked[0].n_probs == 1
    top = [{"id": 0, "token": "a", "bytes": [97], "logprob": 0.0}]
    first = {"id": 9, "token": "He", "bytes": [72, 101], "logprob": -0.5, "top_logprobs": top}
    second = {"id": 9, "token": "llo", "bytes": [108, 108, 111], "logprob": -9999.0, "top_logprobs": top}
    assert whole == {"content": [first, second], "refusal": None}
    streamed = server.post(CHAT, {**HI, "logprobs": True, "stream": True}).events()
    assert streamed[1]["choices"][0]["logprobs"]["content"] == [{**first, "top_logprobs": []}]


def test_completion_logprobs(server: Live) -> None:
    server.engine.script = probable
    expected = {
        "tokens": ["He", "llo"],
        "token_logprobs": [-0.5, -9999.0],
        "top_logprobs": [{"a": 0.0, "b": -1.0}, {"a": 0.0, "b": -1.0}],
        "text_offset": [0, 2],
    }
    assert server.post(TEXT, {"prompt": "x", "logprobs": 5}).json()["choices"][0]["logprobs"] == expected
    assert server.engine.asked[0].n_probs == 5
    streamed = server.post(TEXT, {"prompt": "x", "logprobs": 5, "stream": True}).events()
    assert streamed[1]["choices"][0]["logprobs"]["text_offset"] == [2]
    assert server.post(TEXT, {"prompt": "x"}).json()["choices"][0]["logprobs"] is None


def test_a_whole_completion(server: Live) -> None:
    answer = server.post(TEXT, {"prompt": "x"}).json()
    assert answer["id"].startswith("cmpl-")
    choice = {"index": 0, "text": "Hello there.", "logprobs": None, "finish_reason": "stop"}
    assert without_frame(answer, "text_completion") == {"choices": [choice], "usage": USAGE, "timings": MEASURED}


def test_a_streamed_completion(server: Live) -> None:
    reply = server.post(TEXT, {"prompt": "x", "stream": True, "stream_options": {"include_usage": True}})
    assert reply.body.endswith(b"data: [DONE]\n\n")
    chunks = [without_frame(chunk, "text_completion") for chunk in reply.events()]
    assert [chunk["choices"][0]["text"] for chunk in chunks[:-1]] == ["Hello", " there", ".", ""]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert chunks[-1] == {"choices": [], "usage": USAGE, "timings": MEASURED}


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a", ["a"]), (["a"], ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], [2, 3]], [[1], [2, 3]]),
     (["a", [1]], ["a", [1]]), ("", [""])],
)  # fmt: skip
def test_forms_of_a_prompt(server: Live, given: object, expected: list[object]) -> None:
    answer = server.post(TEXT, {"prompt": given}).json()
    assert [asked.prompt for asked in server.engine.asked] == expected
    assert [choice["index"] for choice in answer["choices"]] == list(range(len(expected)))
    assert answer["usage"]["prompt_tokens"] == 5 * len(expected)


def test_prompts_times_copies(server: Live) -> None:
    answer = server.post(TEXT, {"prompt": ["a", "b"], "n": 2, "seed": 1}).json()
    asked = [(one.prompt, one.sampling.seed) for one in server.engine.asked]
    assert asked == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert answer["usage"]["prompt_tokens"] == 10


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
def test_models(server: Live, path: str) -> None:
    listing = server.get(path).json()
    model = listing["data"][0]
    assert listing["object"] == "list"
    assert (model["id"], model["object"], model["owned_by"]) == ("tiny", "model", "lmfile")
    assert model["meta"] == {
        "vocab_type": 2, "n_vocab": 1000, "n_ctx": 4096, "n_ctx_train": 8192, "n_embd": 64, "n_params": 7, "size": 11,
        "ftype": "Q4_1",
    }  # fmt: skip
    assert server.get(f"{path}/tiny").json() == model
    missing = server.get(f"{path}/gpt/4")
    assert (missing.status, missing.json()["error"]["type"]) == (404, "model_not_found")


FAILURES = [
    ("invalid", {}, 400, "invalid_request_error"),
    ("context", {"n_prompt": 9000, "n_ctx": 4096}, 400, "exceed_context_size_error"),
    ("missing", {}, 400, "invalid_request_error"),
    ("poison", {}, 400, "invalid_request_error"),
    ("busy", {}, 429, "rate_limit_error"),
    ("died", {}, 503, "unavailable_error"),
    ("internal", {}, 500, "server_error"),
]


@pytest.mark.parametrize(("kind", "facts", "status", "name"), FAILURES)
@pytest.mark.parametrize("path", [CHAT, TEXT, "/completion"])
@pytest.mark.parametrize("stream", [True, False])
def test_failures_before_the_first_token(
    server: Live, path: str, stream: bool, kind: str, facts: dict[str, int], status: int, name: str
) -> None:
    server.engine.script = fail(kind, "It did not work.", **facts)
    reply = server.post(path, {**HI, "prompt": "x", "stream": stream})
    counts = {"n_prompt_tokens": 9000, "n_ctx": 4096} if kind == "context" else {}
    assert reply.status == status
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.json() == {"error": {"code": status, "message": "It did not work.", "type": name, **counts}}
    assert reply.headers.get("Retry-After") == ("1" if status in (429, 503) else None)


@pytest.mark.parametrize("path", [CHAT, TEXT])
def test_a_failure_after_the_first_token(server: Live, path: str) -> None:
    server.engine.script = fail("died", "The engine ended.", after=("Hel",))
    reply = server.post(path, {**HI, "prompt": "x", "stream": True})
    assert reply.status == 200
    assert b"[DONE]" not in reply.body
    assert reply.events()[-1] == {"error": {"code": 503, "message": "The engine ended.", "type": "unavailable_error"}}


def test_streams_are_ascii(server: Live) -> None:
    text = "naïve \u0085\u2028\u2029\x0b\x0c\x1c 日本 👋🏽"
    server.engine.script = say(text)
    for path in (CHAT, TEXT, "/completion"):
        body = server.post(path, {**HI, "prompt": "x", "stream": True}).body
        assert body.isascii()
        for line in body.decode().splitlines():
            assert line == "" or line == "data: [DONE]" or json.loads(line.removeprefix("data: "))
    assert server.post(CHAT, HI).json()["choices"][0]["message"]["content"] == text


def test_a_silence_is_filled(start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.server.sse.HEARTBEAT_S", 0.1)

    def slow(request: Generate) -> Iterable[Event | float]:
        first, *rest = say("x")(request)
        yield first
        yield 0.5
        yield from rest

    server = start(ScriptedEngine(slow))
    chat = server.post(CHAT, {**HI, "stream": True})
    assert chat.body.startswith(b": waiting\n\n")
    assert chat.body.endswith(b"data: [DONE]\n\n")
    native = server.post("/completion", {"prompt": "x", "stream": True})
    assert native.body.startswith(b"data: ")
    assert b"waiting" not in native.body


def test_a_failure_after_a_silence_is_an_event(start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.server.sse.HEARTBEAT_S", 0.1)

    def slow(request: Generate) -> Iterable[Event | float]:
        yield 0.3
        yield from fail("died", "Gone.")(request)

    reply = start(ScriptedEngine(slow)).post(CHAT, {**HI, "stream": True})
    assert reply.status == 200
    assert json.loads(reply.body.split(b"data: ")[-1])["error"]["message"] == "Gone."
