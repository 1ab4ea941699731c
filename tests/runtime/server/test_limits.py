"""What a connection may take: sizes, waits, numbers of connections, and JSON that bites."""

import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from runtime.engine.protocol import Event, Generate
from runtime.server import limits
from tests.runtime.server.live import Live, ScriptedEngine, eventually, fail, say


def head(server: Live, *lines: str, path: str = "/completion") -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", *lines, "", ""]).encode()


def timed(server: Live, data: bytes) -> tuple[bytes, float]:
    """What came back until the server closed the connection, and after how many seconds."""
    began = time.monotonic()
    answer = server.raw(data)
    return answer, time.monotonic() - began


def test_a_body_of_4_mib_is_read(server: Live) -> None:
    frame = b'{"prompt": ""}'
    body = frame[:-2] + b"x" * (limits.MAX_BODY_BYTES - len(frame)) + frame[-2:]
    assert len(body) == limits.MAX_BODY_BYTES
    assert server.post("/completion", body).status == 200


def test_a_larger_one_is_not(server: Live) -> None:
    answer, _ = timed(server, head(server, f"Content-Length: {limits.MAX_BODY_BYTES + 1}") + b"x" * 1000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"invalid_request_error"' in answer


def test_a_larger_one_in_chunks_is_not(server: Live) -> None:
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    answer, _ = timed(server, head(server, "Transfer-Encoding: chunked") + chunk * 5)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, identity"])
def test_a_compressed_body_is_refused(server: Live, coding: str) -> None:
    reply = server.post("/completion", b"\x1f\x8b\x08\x00 bomb", **{"Content-Encoding": coding})
    assert reply.status == 415
    assert server.post("/completion", {"prompt": "x"}, **{"Content-Encoding": "identity"}).status == 200


def test_a_body_that_stops_is_refused(start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SILENCE_S", 0.3)
    monkeypatch.setattr(limits, "LINGER_S", 0.1)
    server = start()
    answer, took_s = timed(server, head(server, "Content-Length: 1000") + b"{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert 0.3 <= took_s < 2


def test_a_body_that_trickles_is_refused(start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_S", 0.5)
    monkeypatch.setattr(limits, "LINGER_S", 0.1)
    server = start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
        sock.sendall(head(server, "Content-Length: 1000"))
        began = time.monotonic()
        sock.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() - began < 5:
            sock.send(b" ")
            try:
                answer = sock.recv(1000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("data", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: "], ids=["silence", "line", "header"])
def test_an_unfinished_head_is_cut(start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(limits, "HEAD_S", 0.5)
    answer, took_s = timed(start(), data)
    assert answer == b""
    assert 0.4 < took_s < 3


def test_an_idle_connection_is_cut(start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_S", 0.5)
    server = start()
    answer, took_s = timed(server, f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert 0.4 < took_s < 3


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_does_not_read_is_cut(
    start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    monkeypatch.setattr(limits, "WRITE_STALL_S", 0.5)
    server = start(ScriptedEngine(say(*["x" * 100_000] * 200)))
    body = b'{"prompt": "", "stream": %s}' % (b"true" if stream else b"false")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(head(server, f"Content-Length: {len(body)}") + body)
        assert eventually(lambda: len(server.engine.asked) == 1)
        if stream:
            assert eventually(lambda: server.engine.cancelled == [1])
        time.sleep(1.5)
        sock.settimeout(5)
        with pytest.raises(ConnectionResetError):
            while sock.recv(1 << 20):
                pass


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nonsense", b"[]", b"1", b"null", b'"text"', b'{"prompt": "x"', b'{"prompt": "x"} x',
        b"\xef\xbb\xbf{}",
        b'{"prompt": NaN}', b'{"prompt": "x", "temperature": NaN}', b'{"prompt": "x", "temperature": Infinity}',
        b'{"prompt": "x", "ignored": -Infinity}', b'{"prompt": "x", "temperature": 1e999}',
        b'{"prompt": "\xff"}', b'{"prompt": "\xed\xa0\x80"}', b'{"prompt": "\\ud800"}', b'{"prompt": "\\udc00\\ud800"}',
        b'{"prompt": "a\x00b"}', b'{"prompt": \'x\'}', b'{"prompt": "x",}', b'{prompt: "x"}', b'{"prompt": "x" /* */}',
        b'{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"prompt": "x", "ignored": ' + b'{"a":' * 100_000,
        b"[" * 100_000, b'{"prompt": "x", "seed": ' + b"9" * 5000 + b"}", b'{"prompt": "x", "seed": 1e5}',
        b"prompt=x&stream=true",
    ],
    ids=lambda body: repr(body[:30]),
)  # fmt: skip
def test_json_that_bites(server: Live, body: bytes) -> None:
    reply = server.post("/completion", body)
    assert reply.status == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"
    assert server.engine.asked == []


def test_repeated_keys_and_null(server: Live) -> None:
    reply = server.post("/completion", b'{"prompt": "x", "seed": 1, "seed": 2, "top_k": null, "other": {"deep": [1]}}')
    assert reply.status == 200
    assert (server.engine.asked[0].sampling.seed, server.engine.asked[0].sampling.top_k) == (2, 40)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: x\r\n" * 200 + b"\r\n",
    ],
    ids=lambda data: repr(data[:40]),
)  # fmt: skip
def test_bytes_that_are_no_request(server: Live, data: bytes) -> None:
    answer = server.raw(data, timeout_s=2)
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"403"), answer
    assert b"Traceback" not in answer
    assert server.get("/health").status == 200


def endless(request: Generate) -> Iterator[Event | float]:
    yield from list(say("one")(request))[:-1]
    yield 60.0


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_ends_its_request(start: Callable[..., Live], stream: bool, how: str) -> None:
    server = start(ScriptedEngine(endless))
    body = b'{"prompt": "", "stream": %s}' % (b"true" if stream else b"false")
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    sock.sendall(head(server, f"Content-Length: {len(body)}") + body)
    assert eventually(lambda: len(server.engine.asked) == 1)
    if stream:
        assert sock.recv(100).startswith(b"HTTP/1.1 200 ")
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert server.engine.cancelled == []
    sock.close()
    assert eventually(lambda: server.engine.cancelled == [1], within_s=1.0)


# What aiohttp does by itself, a row each: an update of it must not change them unnoticed.
HOST = b"Host: 127.0.0.1:%d\r\n"
ROWS: dict[str, tuple[bytes, bytes]] = {
    "a header line of 8 KiB": (b"GET /health HTTP/1.1\r\n%sX: " + b"x" * 8180 + b"\r\n\r\n", b"200"),
    "a longer one": (b"GET /health HTTP/1.1\r\n%sX: " + b"x" * 9000 + b"\r\n\r\n", b"400"),
    "a longer name": (b"GET /health HTTP/1.1\r\n%s" + b"x" * 9000 + b": x\r\n\r\n", b"400"),
    "a longer address": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n%s\r\n", b"400"),
    "120 header lines": (b"GET /health HTTP/1.1\r\n%s" + b"X: x\r\n" * 119 + b"\r\n", b"200"),
    "200 header lines": (b"GET /health HTTP/1.1\r\n%s" + b"X: x\r\n" * 200 + b"\r\n", b"400"),
    "60 KiB in all": (b"GET /health HTTP/1.1\r\n%s" + (b"X: " + b"x" * 6000 + b"\r\n") * 10 + b"\r\n", b"200"),
    "70 KiB in all": (b"GET /health HTTP/1.1\r\n%s" + (b"X: " + b"x" * 7000 + b"\r\n") * 10 + b"\r\n", b"400"),
    "70 KiB and no end": (b"GET /health HTTP/1.1\r\n%s" + (b"X: " + b"x" * 7000 + b"\r\n") * 10, b"400"),
    "70 KiB after an answer": (
        b"GET /health HTTP/1.1\r\n%s\r\nGET / HTTP/1.1\r\n" + (b"X: " + b"x" * 7000 + b"\r\n") * 10, b"200"
    ),
    "an expectation": (b"GET /health HTTP/1.1\r\n%sExpect: tea\r\n\r\n", b"417"),
    "one that is no text": (b"GET /health HTTP/1.1\r\n%sExpect: \xff\r\n\r\n", b"417"),
    "an address that is no text": (b"GET /\xff\xfe HTTP/1.1\r\n%s\r\n", b"400"),
    "a folded line": (b"GET /health HTTP/1.1\r\n%sX: a\r\n b\r\n\r\n", b"400"),
    "two lengths": (b"POST /completion HTTP/1.1\r\n%sContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", b"400"),
    "a length and chunks": (
        b"POST /completion HTTP/1.1\r\n%sContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"
    ),
    "an unknown coding": (b"POST /completion HTTP/1.1\r\n%sTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"400"),
    "a coding that does not end in chunks": (b"POST /x HTTP/1.1\r\n%sTransfer-Encoding: chunked, x\r\n\r\n", b"400"),
    "a length with a sign": (b"POST /completion HTTP/1.1\r\n%sContent-Length: +2\r\n\r\n{}", b"400"),
    "a chunk without a length": (b"POST /completion HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\nx\r\n{}", b"400"),
    "two names": (b"GET /health HTTP/1.1\r\n%sHost: a\r\n\r\n", b"400"),
    "no name": (b"GET /health HTTP/1.1\r\nX: x\r\n\r\n", b"400"),
    "a bare line feed in a header": (b"GET /health HTTP/1.1\r\n%sX: a\nY: b\r\n\r\n", b"400"),
    "a NUL in a header": (b"GET /health HTTP/1.1\r\n%sX: a\x00b\r\n\r\n", b"400"),
    "a space before the colon": (b"GET /health HTTP/1.1\r\n%sX : a\r\n\r\n", b"400"),
    "a method of its own": (b"BREW /health HTTP/1.1\r\n%s\r\n", b"400"),
    "CONNECT": (b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n%s\r\n", b"403"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_heads_within_and_beyond_the_limits(server: Live, name: str) -> None:
    data, status = ROWS[name]
    answer = server.raw(data.replace(b"%s", HOST % server.port, 1), timeout_s=1)
    assert answer.split(b" ", 2)[1:2] == [status], answer[:200]
    assert answer.count(b"Server: ") == answer.count(b"Server: lmfile/test\r\n") > 0
    assert (b'"error":{' in answer) == (answer.rsplit(b"HTTP/1.", 1)[1][2:5] != b"200")
    assert server.get("/health").status == 200


def test_an_unfinished_head_grows_no_further(server: Live) -> None:
    """Also behind a request that is being answered."""
    server.engine.script = endless
    lines = (b"X: " + b"x" * 7000 + b"\r\n") * 100
    body = b'{"prompt": "", "stream": true}'
    one = head(server, f"Content-Length: {len(body)}") + body
    for before in (b"", one):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
            sock.sendall(before + b"GET / HTTP/1.1\r\n")
            with pytest.raises((ConnectionError, TimeoutError)):  # closed, or read no further
                for _ in range(300):  # 210 MB: the system alone keeps 37 MB of what is sent and not read
                    sock.sendall(lines)


def test_the_end_of_a_long_body_is_no_head(server: Live) -> None:
    """Also when much of it comes in one piece."""
    body = b'{"prompt": "%s"}' % (b"x" * limits.MAX_HEAD_BYTES * 2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
        for _ in range(20):
            sock.sendall(head(server, f"Content-Length: {len(body)}"))
            time.sleep(0.02)
            sock.sendall(body)
        sock.sendall(b"GET /health HTTP/1.1\r\nConnection: close\r\n" + HOST % server.port + b"\r\n")
        answer = b"".join(iter(lambda: sock.recv(1 << 20), b""))
    assert (answer.count(b"HTTP/1.1 200 OK"), answer.count(b"HTTP/1.1 400")) == (21, 0)


def test_many_requests_at_once_on_one_connection(server: Live) -> None:
    """Pipelined: they wait their turn, and no more than a few of them in memory."""
    one = b"GET /health HTTP/1.1\r\n" + HOST % server.port + b"\r\n"
    last = b"GET /health HTTP/1.1\r\nConnection: close\r\n" + HOST % server.port + b"\r\n"
    assert server.raw(one * 2000 + last).count(b"HTTP/1.1 200 OK") == 2001


def test_a_queue_that_is_full(server: Live) -> None:
    server.engine.script = fail("busy", "64 requests wait already; try again later")
    reply = server.post("/completion", {"prompt": "x"})
    assert (reply.status, reply.headers["Retry-After"]) == (429, "1")


def test_numbers_are_those_of_the_documentation() -> None:
    assert (limits.MAX_BODY_BYTES, limits.MAX_CONNECTIONS, limits.MAX_PER_ADDRESS) == (4 << 20, 256, 16)
    assert (limits.MAX_HEAD_BYTES, limits.MAX_BODIES_BYTES) == (64 << 10, 64 << 20)
    assert (limits.MAX_LINE_BYTES, limits.MAX_HEADER_LINES, limits.WRONG_KEYS_PER_S) == (8190, 128, 10)
    assert (limits.HEAD_S, limits.BODY_S, limits.BODY_SILENCE_S, limits.WRITE_STALL_S) == (30, 30, 10, 30)
