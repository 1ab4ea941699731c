"""Embeddings of MiniLM: texts per second in batches of mixed lengths."""

import time

from tests.bench.contest import Contest, field
from tests.bench.row import Row, against_better
from tests.bench.servers import START_TIMEOUT_S, Server
from tests.embedding_models import minilm_gguf
from tests.prompts import PROMPTS
from tests.streams import Stream, Unanswered, ask_all

BATCH = 64
BATCHES = 4
TURNS = 5
LONGEST = 12
"""Questions in one text."""
LIMIT_S = 120.0
POLL_S = 0.1


def rows(contest: Contest) -> list[Row]:
    """Texts/s over `/v1/embeddings`, one batch after the other."""
    flags = ("--embeddings", "-c", "2048")
    with field(contest.serving(minilm_gguf()), *flags, warm_up=_until_ready) as servers:
        turns = [servers.turn(_texts_per_s) for _ in contest.turns(TURNS)]
    return [against_better(Row("MiniLM embeddings", "texts/s", 1.0, higher=True), turns, float)]


def _texts_per_s(server: Server) -> float:
    began = time.monotonic()
    for number in range(BATCHES):
        answer = _embed(server, _texts(number))
        if answer.status != 200:
            raise Unanswered(answer.body[-300:])
    return BATCH * BATCHES / (time.monotonic() - began)


def _texts(number: int) -> list[str]:
    """A batch of texts of 1 to LONGEST questions, 5 to 100 tokens."""
    places = range(number * BATCH, (number + 1) * BATCH)
    return [" ".join(PROMPTS[(place * 7 + k) % len(PROMPTS)] for k in range(place % LONGEST + 1)) for place in places]


def _embed(server: Server, texts: list[str]) -> Stream:
    return ask_all(server.port, [{"input": texts}], "/v1/embeddings", LIMIT_S)[0]


def _until_ready(server: Server) -> None:
    deadline = server.started_at + START_TIMEOUT_S
    while True:
        try:
            if _embed(server, ["Hello"]).status == 200:
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise Unanswered(f"{server.name} gives no embeddings")
        time.sleep(POLL_S)
