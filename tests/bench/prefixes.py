"""Prompts that begin alike: many clients with one long instruction, and a second question about an article."""

from functools import partial

from tests.bench.contest import Contest, field
from tests.bench.row import Row, against_better
from tests.bench.servers import Server
from tests.bench.texts import tokens

CLIENTS = 16
SHARED_TOKENS = 1500
ENDING_TOKENS = 16
ANSWER_TOKENS = 16
SLOT_TOKENS = 2048

ARTICLE_TOKENS = 3000
QUESTION_TOKENS = 8
FOLLOW_UP_TURNS = 3
SOLO_SLOT_TOKENS = 4096
COLD_TO_WARM = 130.0


def shared(contest: Contest) -> list[Row]:
    """The time until all clients have their answers; nobody has asked with this beginning before."""

    def total_s(server: Server) -> float:
        beginning = tokens(1, SHARED_TOKENS)
        asked = [beginning + tokens(100 + client, ENDING_TOKENS) for client in range(CLIENTS)]
        answers = server.complete_all(asked, ANSWER_TOKENS, cache_prompt=True)
        return max(a.times[-1] for a in answers) - min(a.asked_at for a in answers)

    with field(contest, "-np", str(CLIENTS), "-c", str(CLIENTS * SLOT_TOKENS)) as servers:
        turns = [servers.turn(total_s)]  # a minute for llama-server, and the bar is a tenth of it
    row = Row(f"{CLIENTS} clients, {SHARED_TOKENS} shared tokens", "s", 0.10, higher=False)
    return [against_better(row, turns, float)]


def follow_up(contest: Contest) -> list[Row]:
    """The first token of the first question about an article : that of the second, each server against itself."""

    def cold_to_warm(turn: int, server: Server) -> tuple[float, float]:
        article = tokens(turn, ARTICLE_TOKENS)
        cold, warm = (
            server.complete(article + tokens(1000 + question, QUESTION_TOKENS), 4, cache_prompt=True).first_s
            for question in range(2)
        )
        return cold, warm

    with field(contest, "-np", "1", "-c", str(SOLO_SLOT_TOKENS)) as servers:
        turns = [servers.turn(partial(cold_to_warm, turn)) for turn in contest.turns(FOLLOW_UP_TURNS)]
    own = Row(f"follow-up on {ARTICLE_TOKENS} tokens, cold : warm", "x", 1.0, higher=True)
    against_better(own, turns, lambda times: times[0] / times[1])
    own.pairs = [(ours, COLD_TO_WARM) for ours, _ in own.pairs]  # each server against itself; the bar is absolute
    first = Row("follow-up, first token", "s", 1.0, higher=False)
    return [own, against_better(first, turns, lambda times: times[1])]
