"""`--timeout`: how long an answer may take in all."""

from collections.abc import Callable, Iterator

import pytest

from runtime.engine.protocol import Event, Generate
from tests.runtime.server.live import Live, ScriptedEngine, say

HI = {"prompt": "x", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
TOLD = "The answer took longer than the 0.3 seconds of --timeout."


def endless(request: Generate) -> Iterator[Event | float]:
    yield from list(say("one")(request))[:-1]
    yield 60.0


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/completion", "/v1/messages", "/api/chat"])
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_takes_too_long_ends(start: Callable[..., Live], path: str, stream: bool) -> None:
    server = start(ScriptedEngine(endless), timeout_s=0.3)
    reply = server.post(path, {**HI, "stream": stream})
    assert reply.status == (200 if stream else 503)
    assert TOLD.encode() in reply.body
    assert server.engine.cancelled == [1]


def test_others_do_not(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(), timeout_s=5.0)
    assert server.post("/completion", HI).status == 200
