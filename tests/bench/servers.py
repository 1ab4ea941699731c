"""Starts a server, lmfile's or llama.cpp's, and asks its `/completion`.

All are driven by the same code over the same wire format, so that what differs is the
server. Every wait has a limit; leaving the `with` block ends the whole process group.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.streams import LIMIT_S, Stream, Unanswered, ask_all

START_TIMEOUT_S = 120
POLL_S = 0.002
GREEDY: Mapping[str, object] = {"temperature": 0, "ignore_eos": True, "cache_prompt": False, "stream": True}

Prompt = str | Sequence[int]
Command = Sequence[str | Path]


@dataclass(frozen=True)
class Server:
    """A running server; `started_at` is the monotonic time just before its exec."""

    name: str
    pid: int
    port: int
    started_at: float

    def complete(self, prompt: Prompt, n_predict: int, **fields: object) -> Stream:
        """Stream one greedy completion to its end. Raises: Unanswered."""
        return self.complete_all([prompt], n_predict, **fields)[0]

    def complete_all(self, prompts: Sequence[Prompt], n_predict: int, **fields: object) -> list[Stream]:
        """Stream greedy completions, all at once, to their ends. Raises: Unanswered."""
        bodies = [{**GREEDY, "prompt": prompt, "n_predict": n_predict, **fields} for prompt in prompts]
        answers = ask_all(self.port, bodies, limit_s=LIMIT_S)
        for answer in answers:
            _ = answer.last
        return answers

    def first_token(self, prompt: str) -> float:
        """Seconds from the exec to the first token: ask again and again until the server answers."""
        deadline = self.started_at + START_TIMEOUT_S
        while True:
            try:
                return self.complete(prompt, 4).times[0] - self.started_at
            except (OSError, Unanswered):
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)


@contextmanager
def running(name: str, command: Command, env: Mapping[str, str] | None = None) -> Iterator[Server]:
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
        _end(process)


def free_port() -> int:
    """A port of the loopback address that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(20)
        except ProcessLookupError:
            process.wait(20)
            return
        except subprocess.TimeoutExpired:
            continue
