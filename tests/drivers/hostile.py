"""Hundreds of clients that never finish a request or never read, and one that chats all the while.

There are more of them than the server has places. What is looked at: how long the honest client waits for
its first token, with and without them; when each of them is gone; what they leave in the server.
"""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.serving import Server
from tests.streams import streams

HEAD_S, BODY_SILENCE_S, WRITE_STALL_S = 30.0, 10.0, 30.0
"""The limits of the server."""
SLACK_S = 2.0
TRICKLE_EVERY_S = 1.0
QUIET_WITHIN_S = 60.0
SETTLED_WITHIN_S = 5.0
TURN_LIMIT_S = 60.0
PAUSE_S = 0.1
MAX_RATIO = 1.5
POLLRDHUP = 0x2000
SMALL_WINDOW_BYTES = 4096

HEAD = "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
UNREAD: list[tuple[str, dict[str, Any]]] = [
    # A stream that fits into the buffers: the answer ends, and lies there.
    ("/completion", {"prompt": "Once", "n_predict": 4, "stream": True}),
    # A megabyte: it stops in the middle, with every buffer full.
    ("/tokenize", {"content": " a b c" * 8000, "with_pieces": True}),
]


@dataclass
class Hostility:
    """First tokens of the honest client in seconds, when the last of each kind was gone, and what must not be."""

    idle_s: list[float] = field(default_factory=list)
    meanwhile_s: list[float] = field(default_factory=list)
    longest_s: dict[str, float] = field(default_factory=dict)
    descriptors: tuple[int, int] = (0, 0)
    more_bytes: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """95th percentiles: with the others to without them."""
        return p95(self.meanwhile_s) / p95(self.idle_s)

    def __str__(self) -> str:
        idle, meanwhile = (f"{p95(times) * 1000:.0f} ms" for times in (self.idle_s, self.meanwhile_s))
        gone = ", ".join(f"{kind} after {took_s:.1f} s" for kind, took_s in self.longest_s.items())
        return (
            f"p95 of the first token {meanwhile} to {idle}; gone: {gone}; descriptors {self.descriptors[0]} and "
            f"{self.descriptors[1]}; {self.more_bytes / 1e6:+.1f} MB {self.wrong}"
        )


@dataclass
class Enemy:
    """One hostile connection; `gone_s`: how long the server has kept it."""

    kind: str
    sock: socket.socket
    since: float
    gone_s: float | None = None


class Crowd(threading.Thread):
    """The hostile connections: it trickles, and notes when each is gone."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.all: list[Enemy] = []
        self._port = port
        self._poll = select.poll()
        self._by_fd: dict[int, Enemy] = {}
        self._over = threading.Event()

    def add(self, kind: str, data: bytes, *, small: bool = False) -> None:
        """Connect and send `data`, and nothing else but trickles."""
        sock = socket.socket()
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW_BYTES)
        sock.settimeout(TURN_LIMIT_S)
        enemy = Enemy(kind, sock, time.monotonic())
        self.all.append(enemy)
        with suppress(ConnectionError):
            sock.connect(("127.0.0.1", self._port))
            sock.sendall(data)
        sock.setblocking(False)
        self._by_fd[sock.fileno()] = enemy
        self._poll.register(sock, POLLRDHUP)

    def run(self) -> None:
        """Until `end`."""
        trickle_at = time.monotonic()
        while not self._over.is_set():
            for fd, _ in self._poll.poll(100):
                enemy = self._by_fd[fd]
                enemy.gone_s = time.monotonic() - enemy.since
                self._poll.unregister(fd)
            if time.monotonic() > trickle_at:
                trickle_at += TRICKLE_EVERY_S
                for enemy in self.present("trickle"):
                    with suppress(OSError):
                        enemy.sock.send(b"x")

    def present(self, kind: str | None = None) -> list[Enemy]:
        """Those that the server still keeps."""
        return [enemy for enemy in self.all if enemy.gone_s is None and kind in (None, enemy.kind)]

    def end(self) -> None:
        """Hang up."""
        self._over.set()
        self.join()
        for enemy in self.all:
            enemy.sock.close()


def besiege(server: Server, turns: int, each: int, readers: int, *, to_the_end: bool) -> Hostility:
    """`each` of three kinds and `readers` that do not read, while `turns` are chatted.

    to_the_end: wait until the server has cut the last of them.
    """
    result = Hostility()
    _turn(server.port, 0)
    before = _descriptors(server), _bytes(server)
    result.idle_s = [_turn(server.port, number) for number in range(turns // 2)]
    with _crowd(server.port) as crowd:
        began = time.monotonic()
        _add_readers(crowd, server.port, readers)
        quiet_s = _quiet(server)
        _add_unfinished(crowd, server.port, each)
        result.meanwhile_s = [_turn(server.port, number) for number in range(turns)]
        if not crowd.present():
            result.wrong.append("nobody was left before the last turn")
        if to_the_end:
            _await_ends(crowd, result, quiet_s - began)
    server.running.until(lambda: _descriptors(server) <= before[0] or None, SETTLED_WITHIN_S)
    result.idle_s += [_turn(server.port, number) for number in range(turns // 2)]
    result.descriptors = before[0], _descriptors(server)
    result.more_bytes = _bytes(server) - before[1]
    return result


def _add_readers(crowd: Crowd, port: int, n: int) -> None:
    for number in range(n):
        path, asked = UNREAD[number % len(UNREAD)]
        body = json.dumps(asked)
        head = f"{HEAD.format(path=path, port=port)}Content-Length: {len(body)}\r\n\r\n"
        crowd.add("reader", (head + body).encode(), small=True)


def _add_unfinished(crowd: Crowd, port: int, n: int) -> None:
    head = HEAD.format(path="/completion", port=port)
    for _ in range(n):
        crowd.add("head", head.encode())
        crowd.add("trickle", f"{head}X-Slow: ".encode())
        crowd.add("body", f"{head}Content-Length: 1000\r\n\r\n{{".encode())


def _await_ends(crowd: Crowd, result: Hostility, quiet_after_s: float) -> None:
    """Each kind has its limit; a reader's begins with its answer's last byte."""
    limits = {"head": HEAD_S, "trickle": HEAD_S, "body": BODY_SILENCE_S, "reader": quiet_after_s + WRITE_STALL_S}
    deadline = time.monotonic() + max(limits.values()) + SLACK_S
    while crowd.present() and time.monotonic() < deadline:
        time.sleep(PAUSE_S)
    for kind, limit_s in limits.items():
        kept = [enemy.gone_s or TURN_LIMIT_S * 2 for enemy in crowd.all if enemy.kind == kind]
        result.longest_s[kind] = max(kept)
        late = sum(took_s > limit_s + SLACK_S for took_s in kept)
        if late:
            result.wrong.append(f"{late} of {len(kept)} of kind {kind} were there after {limit_s + SLACK_S:.0f} s")


def _quiet(server: Server) -> float:
    """Wait until no answer is being computed; when that was."""
    deadline = time.monotonic() + QUIET_WITHIN_S
    while time.monotonic() < deadline:
        slots = json.loads(server.get("/slots")[1])
        if not any(slot["is_processing"] for slot in slots):
            break
        time.sleep(PAUSE_S)
    return time.monotonic()


def _turn(port: int, number: int) -> float:
    """Seconds from the connection to the first token of an honest question. Raises: Unanswered."""
    body = {"prompt": f"Question {number}: what is the capital of France?", "n_predict": 4, "cache_prompt": False}
    with streams(port) as opened:
        stream = opened.open({**body, "stream": True})
        opened.read_all(TURN_LIMIT_S)
        assert stream.n_tokens
        return stream.first_s


@contextmanager
def _crowd(port: int) -> Iterator[Crowd]:
    crowd = Crowd(port)
    crowd.start()
    try:
        yield crowd
    finally:
        crowd.end()


def _descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.running.pid}/fd").iterdir()))


def _bytes(server: Server) -> int:
    """Memory of the front."""
    status = Path(f"/proc/{server.running.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) * 1024


def p95(times_s: list[float]) -> float:
    """The 95th percentile."""
    return sorted(times_s)[int(0.95 * (len(times_s) - 1))]
