"""The access log: one line for each request, in two forms, with nothing in it that was said."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runtime.engine.protocol import Embedded, Event, Generate
from runtime.server.access_log import MAX_CLIENT
from runtime.server.log_format import Lines, LogFormat
from tests.runtime.server.live import Live, ScriptedEngine, eventually, fail, say

SECRET = "my dear secret"
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": SECRET}]}


class Kept(logging.Handler):
    """Keeps the lines."""

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self.setFormatter(Lines(form))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def last(self) -> dict[str, Any]:
        found = json.loads(self.lines[-1])
        assert isinstance(found, dict)
        return found


@pytest.fixture
def kept() -> Iterator[Callable[[LogFormat], Kept]]:
    log = logging.getLogger("lmfile.access")
    added: list[Kept] = []

    def keep(form: LogFormat) -> Kept:
        added.append(Kept(form))
        log.addHandler(added[-1])
        return added[-1]

    log.setLevel(logging.INFO)
    yield keep
    log.setLevel(logging.NOTSET)
    for handler in added:
        log.removeHandler(handler)


def test_a_line_of_json(server: Live, kept: Callable[[LogFormat], Kept]) -> None:
    lines = kept("json")
    reply = server.post("/v1/chat/completions?key=hidden", CHAT, **{"User-Agent": "SDK/1 " + "x" * 200})
    assert eventually(lambda: bool(lines.lines))
    line = lines.last()
    assert line.pop("time").endswith("Z")
    assert line.pop("ms") > 0
    assert line.pop("bytes") >= len(reply.body)
    assert line == {
        "level": "info", "message": "request", "id": reply.headers["X-Request-Id"], "method": "POST",
        "route": "/v1/chat/completions", "status": 200, "model": "tiny", "prompt_tokens": 5, "cached_tokens": 3,
        "generated_tokens": 3, "client": "SDK/1 " + "x" * (MAX_CLIENT - 6),
    }  # fmt: skip


def test_a_line_of_text(server: Live, kept: Callable[[LogFormat], Kept]) -> None:
    lines = kept("text")
    server.get("/nowhere", {"User-Agent": 'a "name"\x85'})
    assert eventually(lambda: bool(lines.lines))
    (line,) = lines.lines
    assert " info request id=" in line
    assert "method=GET route=(none) status=404 " in line
    assert line.endswith((r'client="a \"name\"?"', r'client="a \"name\"??"'))


def test_nothing_that_was_said_is_logged(server: Live, kept: Callable[[LogFormat], Kept]) -> None:
    lines = kept("json"), kept("text")
    server.engine.script = fail("invalid", f"no {SECRET}")
    server.post("/v1/chat/completions", CHAT)
    server.get(f"/v1/models/{SECRET.replace(' ', '-')}")
    server.get("/props?api_key=hidden", {"Authorization": "Bearer hidden", "X-Api-Key": "hidden"})
    assert eventually(lambda: len(lines[0].lines) == 3)
    text = "\n".join(lines[0].lines + lines[1].lines)
    for word in ("secret", "hidden", "Hello"):
        assert word not in text


def test_vectors_have_tokens(start: Callable[..., Live], kept: Callable[[LogFormat], Kept]) -> None:
    lines = kept("json")
    vectors = [[b"\0" * 256]]
    live = start(ScriptedEngine(answers=lambda request: Embedded(id=request.id, vectors=vectors, n_tokens=[7])))
    assert live.post("/v1/embeddings", {"input": "x"}).status == 200
    assert eventually(lambda: bool(lines.lines))
    assert (lines.last()["prompt_tokens"], lines.last()["generated_tokens"]) == (7, 0)


def test_each_line_has_its_own_tokens(server: Live, kept: Callable[[LogFormat], Kept]) -> None:
    def as_many_as_asked(request: Generate) -> Iterable[Event | float]:
        yield 0.01 * (request.max_tokens % 3)
        yield from say(*["word"] * request.max_tokens)(request)

    lines = kept("json")
    server.engine.script = as_many_as_asked

    def ask(n_tokens: int) -> tuple[str, int]:
        body = {"prompt": ["x", "y"], "n_predict": n_tokens, "stream": n_tokens % 2 == 0}
        return server.post("/completion", body).headers["X-Request-Id"], 2 * n_tokens

    with ThreadPoolExecutor(8) as pool:
        asked = dict(pool.map(ask, range(1, 41)))
    assert eventually(lambda: len(lines.lines) == 40)
    logged = [json.loads(line) for line in lines.lines]
    assert {line["id"]: line["generated_tokens"] for line in logged} == asked


def test_a_failure_in_a_stream_is_logged(server: Live, kept: Callable[[LogFormat], Kept]) -> None:
    lines = kept("json")
    server.engine.script = fail("died", "gone", after=("Hello",))
    server.post("/v1/chat/completions", {**CHAT, "stream": True})
    assert eventually(lambda: bool(lines.lines))
    assert (lines.last()["status"], lines.last()["failure"]) == (200, "died")


def test_one_who_left_is_logged_as_such(server: Live, kept: Callable[[LogFormat], Kept]) -> None:
    def slow(request: Any) -> Any:
        yield 30.0

    lines = kept("json")
    server.engine.script = slow
    connection = server.connect()
    connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), {"Content-Type": "application/json"})
    assert eventually(lambda: bool(server.engine.asked))
    connection.close()
    assert eventually(lambda: bool(lines.lines))
    assert (lines.last()["status"], lines.last()["failure"]) == (499, "cancelled")


def test_a_line_stays_one_line() -> None:
    record = logging.LogRecord("lmfile.server", logging.ERROR, "", 0, "first\nsecond\u2028third", None, None)
    assert len(Lines("text").format(record).splitlines()) == 1
    assert len(Lines("json").format(record).splitlines()) == 1
