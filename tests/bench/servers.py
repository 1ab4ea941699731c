"""Starts a server, lmfile's or llama.cpp's, and talks to its `/completion`.

Both are driven by the same code over the same wire format, so that what differs is the
server. Every wait has a limit; leaving the `with` block ends the whole process group.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 60
REQUEST_TIMEOUT_S = 300
POLL_S = 0.002
GREEDY: dict[str, object] = {"temperature": 0, "ignore_eos": True, "cache_prompt": False, "stream": True}


@dataclass(frozen=True)
class Answer:
    """One streamed answer: seconds to its first and last token since `started_at`, and its text."""

    first_token_s: float
    last_token_s: float
    n_tokens: int
    text: str

    @property
    def tokens_per_s(self) -> float:
        """Decode speed: the first token belongs to the prompt."""
        return (self.n_tokens - 1) / (self.last_token_s - self.first_token_s)


@dataclass(frozen=True)
class Server:
    """A running server; `started_at` is the monotonic time just before its exec."""

    name: str
    pid: int
    port: int
    started_at: float

    def complete(self, prompt: str | list[int], n_predict: int, since: float | None = None) -> Answer:
        """Stream one greedy completion; times count from `since`, else from the request."""
        began = time.monotonic() if since is None else since
        body = json.dumps({**GREEDY, "prompt": prompt, "n_predict": n_predict})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_S)
        connection.request("POST", "/completion", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            message = response.read()[:200].decode("utf-8", "replace")
            connection.close()
            raise NotReady(f"{self.name}: {response.status} {message}")
        times, text = [], ""
        for line in response:
            if not line.startswith(b"data: "):
                continue
            chunk = json.loads(line[6:])
            text += chunk["content"]
            if chunk["stop"]:
                n_tokens = chunk["tokens_predicted"]
                break
            times.append(time.monotonic() - began)
        connection.close()
        return Answer(times[0], times[-1], n_tokens, text)

    def first_token(self, prompt: str) -> Answer:
        """The first token after the exec: ask again and again until the server answers."""
        deadline = self.started_at + START_TIMEOUT_S
        while True:
            try:
                return self.complete(prompt, 4, since=self.started_at)
            except (OSError, http.client.HTTPException, NotReady):
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)


class NotReady(Exception):
    """The server answered, but not with a completion."""


@contextmanager
def running(name: str, command: list[str | Path], env: dict[str, str] | None = None) -> Iterator[Server]:
    """Start `command --port N` in its own process group and end the group afterwards."""
    port = free_port()
    full = [os.fspath(part) for part in command] + ["--host", "127.0.0.1", "--port", str(port)]
    started_at = time.monotonic()
    process = subprocess.Popen(
        full,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield Server(name, process.pid, port, started_at)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def free_port() -> int:
    """A port of the loopback address that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
