"""What measures the servers is right itself: the client of many streams, the table, the partings of answers."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.bench.row import LMFILE, Row, against_better
from tests.drivers.answers import Answer, Token, parting
from tests.streams import Unanswered, ask_all, streams

BODY = {"prompt": "x", "stream": True}
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = [
    {"content": "Gr", "stop": False},
    {"content": "üße: data: {", "stop": False},
    {"content": "", "stop": True, "tokens_predicted": 2},
]


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def framed() -> bytes:
    """The events, each cut into two chunks at an odd place."""
    out = HEAD
    for event in EVENTS:
        data = f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
        out += chunk(data[:9]) + chunk(data[9:])
    return out + b"0\r\n\r\n"


@contextmanager
def saying(parts: Sequence[bytes]) -> Iterator[int]:
    """A server that says `parts`, one packet each, to one client; -> its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(1 << 16)
            for part in parts:
                client.sendall(part)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield listener.getsockname()[1]
    thread.join(10)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_stream_is_read_whatever_its_packets(size: int) -> None:
    data = framed()
    with saying([data[at : at + size] for at in range(0, len(data), size)]) as port:
        stream = ask_all(port, [BODY])[0]
    assert (stream.status, stream.text, stream.n_tokens) == (200, "Grüße: data: {", 2)
    assert stream.ended_at is not None


def test_an_answer_that_breaks_off_is_none() -> None:
    with saying([framed()[:90]]) as port:
        stream = ask_all(port, [BODY])[0]
    with pytest.raises(Unanswered):
        _ = stream.last


def test_a_silent_server_is_left_in_time() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, streams(listener.getsockname()[1]) as opened:
        stream = opened.open(BODY)
        assert not opened.read_all(0.1)
    assert (stream.status, stream.times) == (0, [])


def test_a_row_is_against_the_better_setting() -> None:
    turns = [{LMFILE: 2.0, "one": 1.0, "other": 4.0}, {LMFILE: 3.0, "one": 1.0, "other": 5.0}]
    more = against_better(Row("", "", 0.5, higher=True), turns, float)
    less = against_better(Row("", "", 0.5, higher=False), turns, float)
    assert (more.pairs, more.passed) == ([(2.0, 4.0), (3.0, 5.0)], True)
    assert (less.pairs, less.passed) == ([(2.0, 1.0), (3.0, 1.0)], False)


def test_answers_part_where_their_tokens_do() -> None:
    one, near, far, short = (
        answer(("a", 3.0), ("b", 0.04)),
        answer(("a", 3.0), ("c", 2.0)),
        answer(("d", 1.0), ("b", 2.0)),
        answer(("a", 3.0)),
    )
    assert parting(one, one) is None
    tie, clear, cut = parting(one, near), parting(one, far), parting(one, short)
    assert tie and clear and cut
    assert ((tie.place, tie.is_tie), (clear.place, clear.is_tie), cut.is_tie) == ((1, True), (0, False), False)


def answer(*tokens: tuple[str, float]) -> Answer:
    return Answer("", tuple(Token(text, -0.1, margin) for text, margin in tokens), 1, len(tokens), "stop")
