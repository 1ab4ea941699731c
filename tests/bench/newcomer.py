"""A long prompt that arrives while others are being answered: what they wait, and what it waits."""

from dataclasses import dataclass
from functools import partial

from tests.bench.contest import Contest, field
from tests.bench.row import Row, against_better
from tests.bench.servers import GREEDY, Server
from tests.bench.texts import prompts, tokens
from tests.streams import LIMIT_S, streams

CLIENTS = 4
PROMPT_TOKENS = 3000
UNDER_WAY = 16
"""Events of each client before the newcomer asks."""
AFTERWARDS = 8
STREAM_TOKENS = 1000
SLOT_TOKENS = 4096
TURNS = 3


@dataclass(frozen=True)
class Wait:
    """Seconds: the longest gap of the clients that stream, and the newcomer's first token."""

    gap_s: float
    first_s: float


def rows(contest: Contest) -> list[Row]:
    """Longest gap of those who stream; first token of the newcomer."""
    flags = ("-np", str(CLIENTS + 1), "-c", str((CLIENTS + 1) * SLOT_TOKENS))
    with field(contest, *flags) as servers:
        turns = [servers.turn(partial(_wait, turn)) for turn in contest.turns(TURNS)]
    gap = Row(f"newcomer of {PROMPT_TOKENS} tokens: longest gap of {CLIENTS}", "s", 0.15, higher=False)
    first = Row(f"newcomer of {PROMPT_TOKENS} tokens: its first token", "s", 1.3, higher=False)
    return [
        against_better(gap, turns, lambda wait: wait.gap_s),
        against_better(first, turns, lambda wait: wait.first_s),
    ]


def _wait(turn: int, server: Server) -> Wait:
    with streams(server.port) as opened:
        for prompt in prompts(turn, CLIENTS):
            opened.open({**GREEDY, "prompt": prompt, "n_predict": STREAM_TOKENS})
        early = list(opened.all)
        opened.read_until(lambda: all(len(one.times) >= UNDER_WAY for one in early), LIMIT_S)
        before = [len(one.times) for one in early]
        late = opened.open({**GREEDY, "prompt": tokens(turn, PROMPT_TOKENS), "n_predict": AFTERWARDS})
        opened.read_until(lambda: late.ended_at is not None, LIMIT_S)
    gaps = [gap for one, seen in zip(early, before, strict=True) for gap in one.gaps_s[seen - 1 :]]
    _ = late.last
    return Wait(max(gaps), late.first_s)
