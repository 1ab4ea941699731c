"""From open sockets to a clean end: ports, loading, failing, stopping."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime.engine.protocol import Event, Generate
from runtime.errors import CannotListen, EngineFailed, ExposedWithoutKey, PortInUse
from runtime.server.sockets import listen, url
from runtime.server.stop import Stop
from tests.runtime.server.live import Live, ScriptedEngine, eventually, say
from tests.streams import ask_all

CHAT = "/v1/chat/completions"
HI = {"messages": [{"role": "user", "content": "hi"}]}
LOADING = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}


@pytest.fixture
def opened() -> Iterator[Callable[..., list[socket.socket]]]:
    """Open sockets that are closed after the test."""
    kept: list[socket.socket] = []

    def opener(host: str, port: int = 0, has_key: bool = False) -> list[socket.socket]:
        kept.extend(listen(host, port, has_key=has_key))
        return kept

    yield opener
    for sock in kept:
        sock.close()


def slowly(*words: str, pause_s: float) -> Callable[[Generate], Iterable[Event | float]]:
    """A script with a pause before every event but the first."""

    def script(request: Generate) -> Iterable[Event | float]:
        for number, event in enumerate(say(*words)(request)):
            if number:
                yield pause_s
            yield event

    return script


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "http://127.0.0.1:"), ("localhost", "http://localhost:"), ("::1", "http://[::1]:")],
)
def test_the_address_for_a_browser(opened: Callable[..., list[socket.socket]], host: str, expected: str) -> None:
    sockets = opened(host)
    assert url(host, sockets) == f"{expected}{sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(("host", "expected"), [("0.0.0.0", "http://127.0.0.1:"), ("::", "http://[::1]:")])
def test_a_wildcard_is_opened_as_loopback(opened: Callable[..., list[socket.socket]], host: str, expected: str) -> None:
    assert url(host, opened(host, has_key=True)).startswith(expected)


def test_a_port_in_use(opened: Callable[..., list[socket.socket]]) -> None:
    port = opened("127.0.0.1")[0].getsockname()[1]
    with pytest.raises(PortInUse, match=rf"Listening on 127\.0\.0\.1:{port}: another program uses this port"):
        listen("127.0.0.1", port, has_key=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_others_need_a_key(host: str) -> None:
    with pytest.raises(ExposedWithoutKey, match="without a key"):
        listen(host, 0, has_key=False)


@pytest.mark.parametrize("host", ["no.such.name.invalid", "192.0.2.1", "x" * 300, "999.1.1.1", "a b", "\udcff"])
def test_an_address_that_cannot_be(host: str) -> None:
    with pytest.raises(CannotListen, match="choose another --host or --port"):
        listen(host, 0, has_key=True)


def test_no_two_servers_share_a_port(opened: Callable[..., list[socket.socket]]) -> None:
    sock = opened("127.0.0.1")[0]
    if hasattr(socket, "SO_REUSEPORT"):
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0


def test_everything_but_the_page_waits_for_the_model(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(state="loading", facts=None))
    asked = ["/health", "/v1/health", "/props", CHAT, "/completion"]
    for path in asked:
        method = "POST" if path in (CHAT, "/completion") else "GET"
        reply = server.request(method, path, {**HI, "prompt": "hi"} if method == "POST" else None)
        assert (reply.status, reply.json()["error"], reply.headers["Retry-After"]) == (503, LOADING["error"], "1"), path
    assert server.get("/").status == 200
    listed = server.get("/v1/models").json()["data"]
    assert [(model["id"], model["status"], model["meta"]) for model in listed] == [("tiny", {"value": "loading"}, None)]
    assert server.engine.asked == []
    server.engine.state, server.engine.facts = "ready", ScriptedEngine().facts
    assert server.get("/health").json()["status"] == "ok"
    assert server.post(CHAT, HI).status == 200


def test_a_request_waits_while_a_worker_is_replaced(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(state="loading"))
    assert (server.get("/health").status, server.get("/props").status) == (503, 200)
    replaced = threading.Timer(0.3, lambda: setattr(server.engine, "state", "ready"))
    replaced.start()
    assert server.post(CHAT, HI).status == 200
    replaced.join()


def test_an_engine_that_failed_says_why(start: Callable[..., Live]) -> None:
    why = "Starting the engine: it died; look at the log."
    server = start(ScriptedEngine(state="failed", failure=EngineFailed(why)))
    for reply in (server.get("/health"), server.post(CHAT, HI)):
        assert reply.json()["error"] == {"code": 503, "message": why, "type": "unavailable_error"}
        assert "Retry-After" not in reply.headers
    assert server.get("/").status == 200
    assert server.get("/v1/models").json()["data"][0]["status"] == {"value": "failed", "failed": True, "message": why}


def test_the_first_request_after_the_announcement_works(start: Callable[..., Live]) -> None:
    for _ in range(20):
        server = start()
        assert server.get("/health").status == 200
        server.close()


def test_an_idle_server_stops_at_once(start: Callable[..., Live]) -> None:
    server = start(grace_s=10)
    connection = server.connect()
    connection.request("GET", "/health")
    assert connection.getresponse().read().startswith(b'{"status":"ok"')
    assert server.close() < 1
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        server.get("/health")


@pytest.mark.parametrize("stream", [True, False])
def test_a_running_answer_is_finished_first(start: Callable[..., Live], stream: bool) -> None:
    server = start(ScriptedEngine(slowly("a", "b", "c", pause_s=0.2)), grace_s=10)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(server.post, CHAT, {**HI, "stream": stream})
        assert eventually(lambda: len(server.engine.asked) == 1)
        took_s = server.close()
        reply = asked.result(10)
    assert 0.3 < took_s < 3
    text = b"data: [DONE]\n\n" if stream else b'"content":"abc"'
    assert text in reply.body
    assert server.engine.cancelled == []


@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/completion"])
def test_a_long_answer_gets_last_words_after_the_grace(start: Callable[..., Live], path: str) -> None:
    server = start(ScriptedEngine(slowly("a", "b", pause_s=60)), grace_s=0.3)
    server.engine.script = lambda request: [*list(say("a")(request))[:2], 60.0]
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(server.post, path, {**HI, "prompt": "x", "stream": True})
        assert eventually(lambda: len(server.engine.asked) == 1)
        took_s = server.close()
        reply = asked.result(10)
    assert 0.3 <= took_s < 2
    last = reply.events()[-1]
    assert last["error"] == {"code": 503, "message": "The server is shutting down.", "type": "unavailable_error"}
    assert server.engine.cancelled == [1]


def test_an_answer_without_a_token_yet_becomes_a_503(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(lambda request: [60.0]), grace_s=0.2)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(server.post, CHAT, {**HI, "stream": stream}) for stream in (True, False)]
        assert eventually(lambda: len(server.engine.asked) == 2)
        server.close()
        replies = [one.result(10) for one in asked]
    assert [reply.status for reply in replies] == [503, 503]
    assert all(reply.json()["error"]["message"] == "The server is shutting down." for reply in replies)
    assert sorted(server.engine.cancelled) == [1, 2]


def test_asked_twice_it_ends_now(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(lambda request: [60.0]), grace_s=30)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(server.post, CHAT, HI)
        assert eventually(lambda: len(server.engine.asked) == 1)
        began = time.monotonic()
        server.ask_to_stop()
        with pytest.raises(OSError, match="refused"):
            while time.monotonic() < began + 5:
                socket.create_connection(("127.0.0.1", server.port)).close()
        assert not asked.done()
        server.ask_to_stop()
        server.join()
        assert asked.result(10).status == 503
    assert time.monotonic() - began < 3


def test_an_unforeseen_failure_gives_an_id_and_nothing_else(
    server: Live, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(request: Generate) -> Iterable[Event | float]:
        raise ZeroDivisionError("secret detail")

    server.engine.script = broken
    for stream in (True, False):
        reply = server.post(CHAT, {**HI, "stream": stream})
        error = reply.json()["error"]
        assert (reply.status, error["type"]) == (500, "server_error")
        assert reply.headers["X-Request-Id"] in error["message"]
        assert b"secret" not in reply.body
        assert b"Traceback" not in reply.body
        said = caplog.records[-1].getMessage()
        assert said.startswith(f"request {reply.headers['X-Request-Id']}: POST {CHAT} failed: ZeroDivisionError at ")
        assert "secret" not in said
    assert capfd.readouterr().err == ""


def test_an_unforeseen_failure_in_a_stream_is_its_last_event(server: Live) -> None:
    def broken(request: Generate) -> Iterable[Event | float]:
        yield from list(say("a")(request))[:2]
        raise ZeroDivisionError

    server.engine.script = broken
    reply = server.post(CHAT, {**HI, "stream": True})
    assert reply.status == 200
    assert reply.events()[-1]["error"]["code"] == 500
    assert server.engine.cancelled == [server.engine.asked[0].id]


def test_every_answer_names_server_and_request(server: Live) -> None:
    replies = [server.get("/health"), server.get("/nowhere"), server.get("/"), server.post(CHAT, HI),
               server.post(CHAT, {**HI, "stream": True}), server.request("DELETE", "/health"),
               server.get("/health", {"Host": "evil"})]  # fmt: skip
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == len(replies)
    for reply in replies:
        assert reply.headers["Server"] == "lmfile/test"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert not any(name.lower().startswith("access-control") for name in reply.headers)


@pytest.mark.parametrize("path", ["/nowhere", "/v1/", "/v1/chat", "/../etc/passwd", "/%2e%2e/x", "/webui/index.html"])
def test_other_addresses(server: Live, path: str) -> None:
    reply = server.get(path)
    assert (reply.status, reply.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/completion"), ("POST", "/health"), ("PUT", CHAT), ("DELETE", "/")]
)
def test_other_methods(server: Live, method: str, path: str) -> None:
    reply = server.request(method, path)
    assert reply.status == 405
    assert reply.json()["error"]["code"] == 405
    assert reply.headers["Allow"]


def test_sixty_four_clients_at_once(server: Live) -> None:
    server.engine.script = slowly(*[" word"] * 20, pause_s=0.005)
    # One thread asks them all: sixty-four would keep the server in this process from running.
    answers = ask_all(server.port, [{**HI, "stream": True}] * 64, path=CHAT)
    wrong = [answer.body for answer in answers if answer.status != 200 or "[DONE]" not in answer.body[-10:]]
    assert wrong == []
    assert [len(answer.events) for answer in answers] == [22] * 64


if os.name == "posix":

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_signals_ask_to_stop(number: signal.Signals) -> None:
        async def scenario() -> signal.Signals | None:
            stop = Stop()
            with stop.on_signals():
                signal.raise_signal(number)
                await asyncio.wait_for(stop.asked(), 5)
                signal.raise_signal(number)
                await asyncio.wait_for(stop.now(), 5)
            return stop.signal

        before = signal.getsignal(number)
        assert asyncio.run(scenario()) == number
        assert signal.getsignal(number) == before


def test_the_early_modules_are_light() -> None:
    """A busy port is found, and the keys are read, before anything slow is imported."""
    modules = "runtime.server.sockets, runtime.server.key_sources, runtime.server.options"
    code = f"import sys, {modules}; print('aiohttp' in sys.modules, 'asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_nothing_is_logged_by_default(server: Live, capfd: pytest.CaptureFixture[str]) -> None:
    server.raw(b"nonsense\r\n\r\n", timeout_s=2)
    server.get("/nowhere")
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("lmfile").propagate is False
