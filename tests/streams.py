"""Many streams at once, read by one thread: raw sockets, and nothing parsed before an answer is looked at.

A client shares the computer with the server that it measures; one that parses every
token as it comes takes a core away from it.
"""

import json
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
EVENT = b"data: {"
READ_BYTES = 1 << 16
LIMIT_S = 300.0
CONNECT_LIMIT_S = 10.0


@dataclass(eq=False)
class Stream:
    """One request and what has come of its answer; all times are monotonic seconds."""

    connection: socket.socket
    asked_at: float
    times: list[float] = field(default_factory=list)
    """When each event came; those of one packet came together."""
    ended_at: float | None = None
    raw: bytearray = field(default_factory=bytearray)
    _counted: int = 0

    @property
    def first_s(self) -> float:
        """Seconds to the first token."""
        return self.times[0] - self.asked_at

    @property
    def total_s(self) -> float:
        """Seconds to the last event."""
        return self.times[-1] - self.asked_at

    @property
    def gaps_s(self) -> list[float]:
        """Seconds between an event and the next one."""
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]

    @property
    def status(self) -> int:
        """The status of the answer; 0 when there was none."""
        return int(self.raw[9:12]) if self.raw[9:12].isdigit() else 0

    @property
    def body(self) -> str:
        """What came after the header, without the framing of chunks."""
        head, _, rest = bytes(self.raw).partition(b"\r\n\r\n")
        return (b"".join(_chunks(rest)) if b"chunked" in head.lower() else rest).decode("utf-8", "replace")

    @property
    def events(self) -> list[Any]:
        """The JSON of each event that came whole."""
        lines = (line.partition(": ") for line in self.body.split("\n")[:-1])
        return [json.loads(data) for name, _, data in lines if name in ("data", "error") and data != "[DONE]"]

    @property
    def text(self) -> str:
        """What `/completion` has written."""
        return "".join(event.get("content", "") for event in self.events)

    @property
    def last(self) -> Any:
        """The event that ends the answer of `/completion`. Raises: Unanswered."""
        events = self.events if self.status == 200 else []
        if not events or not events[-1].get("stop") or "error" in events[-1]:
            raise Unanswered(f"{self.status}: {self.body[-300:]}")
        return events[-1]

    @property
    def n_tokens(self) -> int:
        """Tokens of the answer. Raises: Unanswered."""
        return int(self.last["tokens_predicted"])

    @property
    def tokens_per_s(self) -> float:
        """The speed of decoding: the first token belongs to the prompt, the last event is the end and no token."""
        return (self.n_tokens - 1) / (self.times[-2] - self.times[0])

    def take(self, data: bytes) -> None:
        """Note what has come now."""
        now = time.monotonic()
        self.raw += data
        found = self.raw.count(EVENT, self._counted)
        if found:
            self.times += [now] * found
            self._counted = self.raw.rfind(EVENT) + len(EVENT)


class Unanswered(Exception):
    """A request was refused, or its answer broke off."""


class Streams:
    """The streams to one server; they move on while somebody reads."""

    def __init__(self, port: int) -> None:
        self.all: list[Stream] = []
        self._port = port
        self._selector = selectors.DefaultSelector()

    def open(self, body: Mapping[str, Any] | str, path: str = "/completion") -> Stream:
        """Send a request; a string is sent as it stands. Raises: OSError."""
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {HOST}:{self._port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        )
        connection = socket.create_connection((HOST, self._port), timeout=CONNECT_LIMIT_S)
        stream = Stream(connection, time.monotonic())
        connection.sendall(head.encode() + content)
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, stream)
        self.all.append(stream)
        return stream

    def read_until(self, done: Callable[[], bool], limit_s: float = LIMIT_S) -> bool:
        """Read all streams until `done` or until all have ended; -> whether that was within the limit."""
        deadline = time.monotonic() + limit_s
        while not done() and self._selector.get_map():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            for key, _ in self._selector.select(left_s):
                self._read(key.data)
        return True

    def read_all(self, limit_s: float = LIMIT_S) -> bool:
        """Read all streams to their ends; -> whether they ended within the limit."""
        return self.read_until(lambda: False, limit_s)

    def close(self, stream: Stream) -> None:
        """Hang up."""
        if stream.connection.fileno() >= 0:
            self._selector.unregister(stream.connection)
            stream.connection.close()
            stream.ended_at = time.monotonic()

    def end(self) -> None:
        """Hang up on all of them."""
        for stream in self.all:
            self.close(stream)
        self._selector.close()

    def _read(self, stream: Stream) -> None:
        try:
            data = stream.connection.recv(READ_BYTES)
        except OSError:
            data = b""
        if data:
            stream.take(data)
        else:
            self.close(stream)


@contextmanager
def streams(port: int) -> Iterator[Streams]:
    """Streams that are hung up at the end."""
    opened = Streams(port)
    try:
        yield opened
    finally:
        opened.end()


def ask_all(
    port: int, bodies: Sequence[Mapping[str, Any] | str], path: str = "/completion", limit_s: float = LIMIT_S
) -> list[Stream]:
    """Send all requests at once and read the answers; those that are not there in time are cut off."""
    with streams(port) as opened:
        for body in bodies:
            opened.open(body, path)
        opened.read_all(limit_s)
        return opened.all


def _chunks(framed: bytes) -> Iterator[bytes]:
    at = 0
    while (line_end := framed.find(b"\r\n", at)) >= 0:
        size = int(framed[at:line_end].split(b";")[0] or b"0", 16)
        if size == 0:
            return
        yield framed[line_end + 2 : line_end + 2 + size]
        at = line_end + 2 + size + 2
