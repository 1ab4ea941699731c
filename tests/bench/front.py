"""What the front costs: sixteen streams over HTTP against the engine alone, and how long a token is on its way.

For the second a worker that computes nothing writes the time into each token, at the pace of a small model;
the same clock is read where the token arrives.
"""

import statistics
import sys
import time
from collections.abc import Sequence

from runtime.engine.config import WorkerConfig
from runtime.engine.launch import Worker, launch
from runtime.engine.protocol import Event, Failed, Finished, Generate, Ready, Sampling, Shutdown, event, frame
from runtime.engine.wire import Frames
from tests.bench.batching import TOKENS, total_rate
from tests.bench.contest import Contest
from tests.bench.row import Row
from tests.bench.servers import Server, running
from tests.bench.texts import prompts
from tests.streams import Stream, Unanswered, ask_all

STREAMS = 16
TURNS = 5
N_CTX = STREAMS * 512
WAIT_S = 120.0
BAR_MS = 2.0
NANOSECONDS_PER_MS = 1e6
CHAT = "/v1/chat/completions"


def throughput(contest: Contest) -> list[Row]:
    """Total tokens/s of all streams, with the prompts in them."""
    row = Row(f"front: {STREAMS} streams, against the engine alone", "tokens/s", 0.98, higher=True)
    flags = ("-t", "1", "-np", str(STREAMS), "-c", str(N_CTX))
    config = WorkerConfig(str(contest.model), n_ctx=N_CTX, n_threads=1, n_parallel=STREAMS)
    alone = Alone(launch(config))
    try:
        with running("lmfile", contest.ours(*flags)) as server:
            server.first_token("Hello")
            alone.rate(["Hello"], 2)
            for turn in contest.turns(TURNS):
                asked = prompts(turn, STREAMS)
                row.pairs.append((total_rate(server.complete_all(asked, TOKENS)), alone.rate(asked, TOKENS)))
    finally:
        alone.end()
    return [row]


def latency(contest: Contest) -> list[Row]:
    """Milliseconds from the worker's write to the client's read, of the slowest hundredth of all tokens."""
    row = Row(f"front: a token's way through it, p99 of {STREAMS} streams", "ms", BAR_MS, higher=False)
    median = Row(f"front: the same, median of {STREAMS} streams", "ms", BAR_MS, higher=False)
    with running("stamped", [sys.executable, "-m", "tests.bench.stamped"]) as server:
        server.first_token("Hello")
        for _ in contest.turns(TURNS):
            took_ms = _ways_ms(server)
            row.pairs.append((statistics.quantiles(took_ms, n=100)[98], 1.0))
            median.pairs.append((statistics.median(took_ms), 1.0))
    return [row, median]


class Alone:
    """The engine with nothing in front of it: one thread that writes frames and counts what comes back."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._frames = Frames()
        self._last_id = 0
        worker.connection.settimeout(WAIT_S)
        while not any(isinstance(came, Ready) for came in self._read()):
            pass

    def rate(self, asked: Sequence[str], n_tokens: int) -> float:
        """Tokens/s of all answers together. Raises: Unanswered."""
        began, n_open, n_said = time.monotonic(), len(asked), 0
        for prompt in asked:
            self._last_id += 1
            sampling = Sampling(temperature=0, ignore_eos=True)
            request = Generate(
                id=self._last_id, prompt=prompt, max_tokens=n_tokens, sampling=sampling, cache_prompt=False
            )
            self._worker.connection.sendall(frame(request))
        while n_open:
            for came in self._read():
                if isinstance(came, Failed):
                    raise Unanswered(came.message)
                if isinstance(came, Finished):
                    n_open -= 1
                    n_said += came.timings.predicted_n
        return n_said / (time.monotonic() - began)

    def end(self) -> None:
        """End the worker."""
        self._worker.connection.sendall(frame(Shutdown()))
        if self._worker.wait(10) is None:
            self._worker.kill()
        self._worker.close()

    def _read(self) -> list[Event]:
        return [event(body) for body in self._frames.feed(self._worker.connection.recv(1 << 16))]


def _ways_ms(server: Server) -> list[float]:
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": TOKENS, "stream": True}
    return [way for answer in ask_all(server.port, [body] * STREAMS, path=CHAT) for way in _of(answer)]


def _of(answer: Stream) -> list[float]:
    """Each token's time on its way; the first chunk holds the role, the last ones no text."""
    found = []
    for chunk, came_s in zip(answer.events, answer.times, strict=False):
        text = chunk["choices"][0]["delta"].get("content") if chunk["choices"] else None
        if text:
            found.append((came_s * 1e9 - int(text)) / NANOSECONDS_PER_MS)
    if not found:
        raise Unanswered(answer.body[-300:])
    return found
