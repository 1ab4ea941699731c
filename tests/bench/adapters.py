"""Eight clients, each with an adapter of its own, against the same load on one adapter and on llama-server."""

import tempfile
from functools import partial
from pathlib import Path

from tests.bench.batching import total_rate
from tests.bench.contest import Contest, field
from tests.bench.row import LMFILE, Row, against_better
from tests.bench.servers import GREEDY, Server
from tests.bench.texts import prompts
from tests.streams import ask_all
from tests.synthetic_lora import synthetic_loras

N = 8
TOKENS = 64
TURNS = 3
SLOT_TOKENS = 512


def rows(contest: Contest) -> list[Row]:
    """Total tokens/s of all clients together."""
    with tempfile.TemporaryDirectory() as folder:
        files = ",".join(str(file) for file in synthetic_loras(contest.model, Path(folder), N))
        with field(contest, "--lora", files, "-np", str(N), "-c", str(N * SLOT_TOKENS)) as servers:
            turns = [servers.turn(partial(_both, turn)) for turn in contest.turns(TURNS)]
    alone = Row(f"{N} adapters, {N} clients, against one adapter", "tokens/s", 0.70, higher=True)
    alone.pairs = [turn[LMFILE] for turn in turns]
    mixed = Row(f"{N} adapters, {N} clients", "tokens/s", 1.3, higher=True)
    return [alone, against_better(mixed, turns, lambda rates: rates[0])]


def _both(turn: int, server: Server) -> tuple[float, float]:
    """Rates with an adapter for each client, and with one for all."""
    return _rate(server, turn, list(range(N))), _rate(server, turn + TURNS, [turn % N] * N)


def _rate(server: Server, turn: int, adapters: list[int]) -> float:
    bodies = [
        {**GREEDY, "prompt": prompt, "n_predict": TOKENS, "lora": [{"id": adapter, "scale": 1.0}]}
        for prompt, adapter in zip(prompts(turn, N), adapters, strict=True)
    ]
    return total_rate(ask_all(server.port, bodies))
