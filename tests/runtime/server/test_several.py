"""Several answers to one request: computed at the same time, told as they come, all ended together."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from runtime.engine.protocol import Delta, Event, Failed, Finished, Generate, Started
from tests.runtime.server.live import FACTS, TIMINGS, Live, ScriptedEngine, eventually, say

CHAT, TEXT, NATIVE = "/v1/chat/completions", "/v1/completions", "/completion"
PATHS = [CHAT, TEXT, NATIVE]
BASE: dict[str, Any] = {"prompt": "x", "messages": [{"role": "user", "content": "x"}]}


class Crowd:
    """A script whose answers go on only when `n` of them run; `failing` breaks off instead."""

    def __init__(self, n: int, failing: int | None = None) -> None:
        self.n = n
        self.failing = failing
        self.running = 0
        self.most = 0

    def __call__(self, request: Generate) -> Iterable[Event | float]:
        number = request.id
        self.running += 1
        self.most = max(self.most, self.running)
        yield Started(id=number, prompt="", n_prompt=5, n_cached=3)
        yield Delta(id=number, text=f"{number}", tokens=[1])
        while self.most < self.n:
            yield 0.005
        if number == self.failing:
            yield Failed(id=number, kind="died", message="Gone.")
            return
        yield 60.0 if self.failing else 0.0
        yield Delta(id=number, text="!", tokens=[1])
        yield Finished(id=number, reason="stop", timings=TIMINGS, seed=1)
        self.running -= 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_they_run_at_the_same_time(start: Callable[..., Live], path: str, stream: bool) -> None:
    crowd = Crowd(5)
    reply = start(ScriptedEngine(crowd)).post(path, {**BASE, "n": 5, "stream": stream})
    assert reply.status == 200
    assert crowd.most == 5
    texts = dict.fromkeys(range(5), "")
    for index, text in pieces(path, reply, stream):
        texts[index] += text
    assert texts == {index: f"{index + 1}!" for index in range(5)}


def pieces(path: str, reply: Any, stream: bool) -> list[tuple[int, str]]:
    """Which choice every piece of text belongs to."""
    if path == NATIVE:
        return [(one["index"], one["content"]) for one in (reply.events() if stream else reply.json())]
    choices = [one for answer in (reply.events() if stream else [reply.json()]) for one in answer["choices"]]
    return [(one["index"], _text(one)) for one in choices]


def _text(choice: dict[str, Any]) -> str:
    content = choice.get("text") or (choice.get("delta") or choice.get("message") or {}).get("content")
    return content or ""


@pytest.mark.parametrize("path", [CHAT, TEXT])
def test_timings_come_with_the_last_to_finish(start: Callable[..., Live], path: str) -> None:
    def later_first(request: Generate) -> Iterable[Event | float]:
        *events, finished = say("x")(request)
        yield from events
        yield 0.2 / request.id
        yield finished

    chunks = start(ScriptedEngine(later_first)).post(path, {**BASE, "n": 3, "stream": True}).events()
    ends = [chunk["choices"][0]["index"] for chunk in chunks if chunk["choices"][0]["finish_reason"]]
    assert ends == [2, 1, 0]
    assert [("timings" in chunk) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
def test_the_first_failure_ends_the_others(start: Callable[..., Live], path: str, stream: bool) -> None:
    server = start(ScriptedEngine(Crowd(4, failing=2)))
    reply = server.post(path, {**BASE, "n": 4, "stream": stream})
    error = reply.events()[-1]["error"] if stream else reply.json()["error"]
    assert (error["code"], error["message"]) == (503, "Gone.")
    assert eventually(lambda: sorted(server.engine.cancelled) == [1, 3, 4])


def test_a_client_that_leaves_ends_all(start: Callable[..., Live]) -> None:
    def endless(request: Generate) -> Iterable[Event | float]:
        yield Started(id=request.id, prompt="", n_prompt=5, n_cached=3)
        yield 60.0

    server = start(ScriptedEngine(endless))
    connection = server.connect()
    body = msgspec.json.encode({"prompt": ["a", "b", "c"]})
    connection.request("POST", NATIVE, body, {"Content-Type": "application/json"})
    assert eventually(lambda: len(server.engine.asked) == 3)
    connection.close()
    assert eventually(lambda: sorted(server.engine.cancelled) == [1, 2, 3])


def test_a_long_list_leaves_room_for_others(start: Callable[..., Live]) -> None:
    crowd = Crowd(4)
    facts = msgspec.structs.replace(FACTS, n_slots=2)
    server = start(ScriptedEngine(crowd, facts=facts))
    answers = server.post(NATIVE, {"prompt": ["x"] * 64}).json()
    assert len(answers) == 64
    assert crowd.most == 4


def test_a_full_queue(server: Live) -> None:
    server.engine.script = lambda request: [Failed(id=request.id, kind="busy", message="Too many wait.")]
    for path in PATHS:
        reply = server.post(path, {**BASE, "n": 2})
        assert reply.status == 429
        assert reply.headers["Retry-After"] == "1"
        assert reply.json() == {"error": {"code": 429, "message": "Too many wait.", "type": "rate_limit_error"}}
