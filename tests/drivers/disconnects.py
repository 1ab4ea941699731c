"""Clients that leave at random moments: their places are free at once, and answers are as before."""

import json
import random
import time
from dataclasses import dataclass, field

from tests.drivers.answers import Answer, ask_completions, completion, parting
from tests.prompts import PROMPTS
from tests.serving import Server
from tests.streams import streams

AT_ONCE = 5
LATEST_S = 0.3
FREE_WITHIN_S = 1.0
GIVE_UP_S = 10.0
POLL_S = 0.01
LONG_PROMPT_WORDS = 600
SEED = 11
TOKENS = 32
START_LIMIT_S = 30.0


@dataclass
class Disconnects:
    """How many clients have left, how long the last place took to be free, and what must not be."""

    left: int = 0
    slowest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


def disconnect_repeatedly(server: Server, n: int) -> Disconnects:
    """Open streams and leave them, `n` in all, while they wait, read their prompts or are being answered."""
    moments, result = random.Random(SEED), Disconnects()
    before = _answer(server)
    while result.left < n:
        _leave_some(server, moments, result)
    apart = parting(before, _answer(server))
    if apart and not apart.is_tie:
        result.wrong.append(f"afterwards an answer is another from token {apart.place} on")
    if (started := _streams_at_once(server)) < len(_slots(server)):
        result.wrong.append(f"afterwards only {started} of {len(_slots(server))} requests run at once")
    return result


def _leave_some(server: Server, moments: random.Random, result: Disconnects) -> None:
    with streams(server.port) as opened:
        for number in range(result.left, result.left + AT_ONCE):
            prompt = f"{number}. {PROMPTS[number % len(PROMPTS)]}"
            if number % 3 == 0:
                prompt += f" word{number}" * LONG_PROMPT_WORDS
            opened.open({"prompt": prompt, "n_predict": 500, "ignore_eos": True, "stream": True})
        for stream in opened.all:
            opened.read_until(lambda: False, moments.uniform(0, LATEST_S / AT_ONCE))
            opened.close(stream)
            result.left += 1
    left_at = time.monotonic()
    while any(slot["is_processing"] for slot in _slots(server)) and time.monotonic() - left_at < GIVE_UP_S:
        time.sleep(POLL_S)
    took_s = time.monotonic() - left_at
    result.slowest_s = max(result.slowest_s, took_s)
    if took_s > FREE_WITHIN_S:
        result.wrong.append(f"after {result.left} clients the places were free after {took_s:.1f} s")


def _streams_at_once(server: Server) -> int:
    """How many streams run at once when there is one for each slot."""
    with streams(server.port) as opened:
        for slot in _slots(server):
            body = {"prompt": f"Slot {slot['id']}:", "n_predict": 400, "ignore_eos": True, "stream": True}
            opened.open(body)
        opened.read_until(lambda: all(stream.times for stream in opened.all), START_LIMIT_S)
        return sum(bool(stream.times) and stream.ended_at is None for stream in opened.all)


def _slots(server: Server) -> list[dict[str, object]]:
    status, body = server.get("/slots")
    if status != 200:
        raise AssertionError(f"/slots: {status} {body[:200]!r}")
    slots: list[dict[str, object]] = json.loads(body)
    return slots


def _answer(server: Server) -> Answer:
    return ask_completions(server.port, [completion(PROMPTS[3], TOKENS, cache_prompt=False)])[0]
