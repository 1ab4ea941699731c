"""Several local clients at once, and one client beside a process that keeps a core busy."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from tests.bench.contest import DEFAULT, Contest, field
from tests.bench.row import Row, against, against_better
from tests.bench.servers import Server
from tests.bench.texts import QUESTION, prompts
from tests.streams import Stream

CLIENTS = (8, 16)
TURNS = 3
TOKENS = 128
BUSY_TURNS = 3
TOKENS_PER_SLOT = 512


def clients(contest: Contest) -> list[Row]:
    """Total tokens/s of clients with different prompts, by the wall clock."""
    return [row for n in CLIENTS for row in _clients(contest, n)]


def busy(contest: Contest) -> list[Row]:
    """One client, while another process keeps one core busy."""
    with field(contest, "-np", "1", "-c", "2048") as servers, _spinning():
        for server in servers.servers.values():
            server.complete(QUESTION, 16)  # a count of threads that was found on a quiet machine is given up now
        turns = [servers.turn(_decode) for _ in contest.turns(BUSY_TURNS)]
    row = Row("one core busy: decode", "tokens/s", 0.9, higher=True)
    by_default = Row("one core busy: decode, against its default", "tokens/s", 5.0, higher=True)
    return [against(row, turns, float, "-t 1"), against(by_default, turns, float, DEFAULT)]


def total_rate(answers: Sequence[Stream]) -> float:
    """Tokens/s of all together, from the first request to the last token."""
    seconds = max(answer.times[-1] for answer in answers) - min(answer.asked_at for answer in answers)
    return sum(answer.n_tokens for answer in answers) / seconds


def _decode(server: Server) -> float:
    return server.complete(QUESTION, TOKENS // 2).tokens_per_s


def _clients(contest: Contest, n: int) -> list[Row]:
    def rate(turn: int, server: Server) -> float:
        return total_rate(server.complete_all(prompts(turn, n), TOKENS))

    with field(contest, "-np", str(n), "-c", str(n * TOKENS_PER_SLOT)) as servers:
        turns = [servers.turn(partial(rate, turn)) for turn in contest.turns(TURNS)]
    row = Row(f"{n} clients, {TOKENS} tokens each", "tokens/s", 1.05, higher=True)
    by_default = Row(f"{n} clients, against its default", "tokens/s", 5.0, higher=True)
    return [against_better(row, turns, float), against(by_default, turns, float, DEFAULT)]


@contextmanager
def _spinning() -> Iterator[None]:
    """A process of its own session that computes all the time, on the first of our cores where that can be said."""
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(spinner.pid, {min(os.sched_getaffinity(0))})
        time.sleep(1)
        yield
    finally:
        spinner.kill()
        spinner.wait(10)
