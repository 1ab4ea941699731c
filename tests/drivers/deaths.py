"""A worker that is killed again and again while many read its streams: all are told, and the next one takes over."""

import os
import random
import signal
import time
from dataclasses import dataclass, field

from tests.prompts import PROMPTS
from tests.serving import Server
from tests.streams import Streams, streams

STREAMS = 20
FLAGS = ("-np", str(STREAMS), "--max-restarts", "0")
SIGNALS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, signal.SIGSTOP)
TOLD_WITHIN_S = 2.0
UNDER_WAY_LIMIT_S = 30.0
LATEST_KILL_S = 0.3
SEED = 7


@dataclass
class Deaths:
    """How often the worker was killed, how often another took over, and what must not be."""

    killed: int = 0
    recovered: int = 0
    slowest_s: float = 0.0
    """From a kill to the end of the last stream that had begun."""
    wrong: list[str] = field(default_factory=list)


def kill_repeatedly(server: Server, kills: int) -> Deaths:
    """Kill the worker `kills` times under STREAMS streams; the server was started with FLAGS."""
    moments, result = random.Random(SEED), Deaths()
    for number in range(kills):
        with streams(server.port) as opened:
            _kill_under_load(server, opened, SIGNALS[number % len(SIGNALS)], moments.uniform(0, LATEST_KILL_S), result)
        server.wait_ready()
        answer = server.post("/completion", {"prompt": f"Number {number} is", "n_predict": 2, "temperature": 0})
        result.recovered += answer["stop"] is True
    if server.running.ended:
        result.wrong.append("the front has ended")
    return result


def _kill_under_load(server: Server, opened: Streams, number: signal.Signals, after_s: float, result: Deaths) -> None:
    for client in range(STREAMS):
        prompt = f"{result.killed}. {PROMPTS[(result.killed * STREAMS + client) % len(PROMPTS)]}"
        opened.open({"prompt": prompt, "n_predict": 2000, "ignore_eos": True, "stream": True})
    opened.read_until(lambda: any(stream.times for stream in opened.all), UNDER_WAY_LIMIT_S)
    opened.read_until(lambda: False, after_s)
    begun = [stream for stream in opened.all if stream.times]  # those that wait may be answered by the next worker
    worker = server.running.worker()
    killed_at = time.monotonic()
    os.kill(worker, number)
    result.killed += 1
    told = opened.read_until(lambda: all(stream.ended_at is not None for stream in begun), TOLD_WITHIN_S)
    result.slowest_s = max(result.slowest_s, time.monotonic() - killed_at)
    if not told:
        left = sum(stream.ended_at is None for stream in begun)
        result.wrong.append(f"kill {result.killed}, {number.name}: {left} clients were not told")
    for stream in begun:
        if stream.ended_at is not None and b'"error"' not in stream.raw:
            result.wrong.append(f"kill {result.killed}, {number.name}: a stream ended without a reason")
    if server.running.worker() == worker and number == signal.SIGSTOP and not told:
        os.kill(worker, signal.SIGKILL)  # nobody has taken it for dead, and the next round needs one that lives
