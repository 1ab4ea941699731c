"""Who gets a place when there is none left, and what becomes of those who keep the server waiting."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from runtime.engine.protocol import Event, Generate
from runtime.server import limits
from runtime.server.connections import group_of
from tests.runtime.server.live import Live, ScriptedEngine, eventually, say

HEALTH = "GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
BODY = b'{"prompt": "x", "stream": true}'


@pytest.fixture
def few(start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> Live:
    """A server with eight places whose answers begin and do not end."""
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 8)
    return start(ScriptedEngine(endless))


@pytest.fixture
def opened(few: Live) -> Iterator[Callable[[bytes], socket.socket]]:
    """Connect and send; everything is closed after the test."""
    with ExitStack() as stack:

        def opener(data: bytes) -> socket.socket:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", few.port), timeout=5))
            sock.sendall(data)
            return sock

        yield opener


def endless(request: Generate) -> Iterator[Event | float]:
    yield from list(say("one")(request))[:-1]
    yield 60.0


def completion(server: Live, body: bytes = BODY) -> bytes:
    head = f"POST /completion HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    return head.encode() + body


def is_open(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(65536) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


@pytest.mark.parametrize("owed", ["nothing", "head", "body", "next request"])
def test_who_is_waited_for_longest_makes_room(few: Live, opened: Callable[[bytes], socket.socket], owed: str) -> None:
    sent = {
        "nothing": b"",
        "head": b"GET / HTTP/1.1\r\nHost:",
        "body": completion(few, BODY[:5]),
        "next request": HEALTH.format(port=few.port).encode(),
    }[owed]
    waited_for = [opened(sent) for _ in range(8)]
    time.sleep(0.2)
    assert few.get("/health").status == 200
    assert eventually(lambda: [is_open(sock) for sock in waited_for] == [False] + [True] * 7)
    assert few.get("/health").status == 200
    assert few.engine.asked == []


def test_a_flood_displaces_itself(few: Live, opened: Callable[[bytes], socket.socket]) -> None:
    busy = opened(completion(few))
    assert eventually(lambda: len(few.engine.asked) == 1)
    for number in range(40):
        opened([b"", b"GET", completion(few, b"{")][number % 3])
        if number % 8 == 0:
            assert few.get("/health").status == 200
    assert few.engine.cancelled == []
    assert is_open(busy)


def test_with_answers_everywhere_a_newcomer_is_sent_away(few: Live, opened: Callable[[bytes], socket.socket]) -> None:
    answered = [opened(completion(few)) for _ in range(8)]
    assert eventually(lambda: len(few.engine.asked) == 8)
    refused = few.raw(HEALTH.format(port=few.port).encode())
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1" in refused
    assert refused.endswith(b'"type":"unavailable_error"}}')
    answered[0].close()
    assert eventually(lambda: few.raw(HEALTH.format(port=few.port).encode(), 0.5).startswith(b"HTTP/1.1 200"))


def test_who_does_not_read_makes_room_sooner(
    few: Live, opened: Callable[[bytes], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNREAD_S", 0.3)
    few.engine.script = say(*["x" * 100_000] * 100)
    for _ in range(8):
        opened(completion(few))
    assert eventually(lambda: len(few.engine.asked) == 8)
    time.sleep(0.5)
    assert few.get("/health").status == 200
    assert eventually(lambda: len(few.engine.cancelled) == 1)


def test_what_lies_unread_behind_an_end_is_cut(start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer fits into the buffers; nobody waits for its reader any more, but the system would."""
    monkeypatch.setattr(limits, "HEAD_S", 0.3)
    monkeypatch.setattr(limits, "GRACE_S", 0.2)
    monkeypatch.setattr(limits, "KEPT_BYTES", 4096)
    server = start(ScriptedEngine(say("x" * 60_000)))
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(completion(server))
        assert eventually(lambda: len(server.engine.asked) == 1)
        time.sleep(1.5)
        sock.settimeout(5)
        with pytest.raises(ConnectionResetError):
            while sock.recv(1 << 20):
                pass


def test_bodies_that_do_not_end_make_room_for_one_that_does(
    start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BODIES_BYTES", 8 << 20)
    server = start()
    head = f"POST /completion HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {3 << 20}\r\n\r\n"
    with ExitStack() as stack:
        unfinished = []
        for _ in range(4):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            sock.sendall(head.encode() + b" " * (3 << 19))
            unfinished.append(sock)
            time.sleep(0.1)
        assert server.post("/completion", b" " * (3 << 20) + b'{"prompt": "x"}').status == 200
        assert eventually(lambda: [is_open(sock) for sock in unfinished] == [False, True, True, True])


@pytest.mark.parametrize("group", ["192.0.2.1", "20010db800000001"])
def test_another_computer_has_sixteen_places(
    start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    monkeypatch.setattr("runtime.server.connections._group", lambda _sock: group)
    server = start(ScriptedEngine(endless))
    with ExitStack() as stack:
        for _ in range(limits.MAX_PER_ADDRESS):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            sock.sendall(completion(server))
        assert eventually(lambda: len(server.engine.asked) == limits.MAX_PER_ADDRESS)
        assert server.raw(HEALTH.format(port=server.port).encode()).startswith(b"HTTP/1.1 503 ")
        monkeypatch.setattr("runtime.server.connections._group", lambda _sock: "another")
        assert server.get("/health").status == 200


@pytest.mark.parametrize(
    ("peer", "group"),
    [
        ("127.0.0.1", ""),
        ("127.8.8.8", ""),
        ("192.0.2.7", "192.0.2.7"),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1::5", "20010db800000001"),
        ("2001:db8:0:1:ffff::9", "20010db800000001"),
        ("fe80::1%eth0", "fe80000000000000"),
    ],
)
def test_who_shares_places(peer: str, group: str) -> None:
    assert group_of(peer) == group


def test_nothing_is_left_of_a_flood(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(endless))

    def tasks() -> int:
        return asyncio.run_coroutine_threadsafe(count(), server.loop).result(5)

    async def count() -> int:
        return len(asyncio.all_tasks())

    before = tasks()
    with ExitStack() as stack:
        for number in range(300):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            sock.sendall([b"", b"GET /", completion(server, b"{"), completion(server)][number % 4])
        assert eventually(lambda: len(server.engine.asked) > 50)
    assert eventually(lambda: tasks() == before)
    assert len(server.engine.cancelled) == len(server.engine.asked)
