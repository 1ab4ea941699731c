"""Prompt lookup: a task whose answer repeats its prompt, with drafts taken from the prompt and without."""

from tests.bench.contest import Contest
from tests.bench.row import Row, counted
from tests.bench.servers import Server, running
from tests.bench.texts import QUESTION
from tests.streams import Stream

TURNS = 5
TOKENS = 160
DRAFT = "32"
WITHOUT = {"speculative.n_max": 0}
LINES = (
    "The blue lamp goes to the old house behind the station, and the bill is paid.",
    "Anna wants a blue chair with four wooden legs before the end of May.",
    "Two blue carpets from Lisbon are still waiting at the harbour office.",
    "Please send the blue curtains back, since one of them is too short.",
    "The school has asked for thirty blue cups and a large white teapot.",
    "Nobody knows who ordered the blue piano that stands in the yard.",
    "Our driver leaves the blue mirror with the neighbour on Monday morning.",
    "For the museum we keep a blue glass vase from the last century.",
    "The hotel pays for twelve blue blankets when the winter begins.",
)
PROMPT = (
    "<|im_start|>user\nReplace blue by red in this text:\n\n{}\n<|im_end|>\n"
    "<|im_start|>assistant\nHere is the text:\n\nThe red lamp"
)


def rows(contest: Contest) -> list[Row]:
    """Tokens/s of one server with drafts and without; the answers must be the same."""
    prompt = PROMPT.format("\n".join(LINES))
    row = Row("prompt lookup, rewriting: with, against without", "tokens/s", 1.5, higher=True)
    same = 0
    with running("lmfile", contest.ours("--draft-max", DRAFT, "-np", "1", "-c", "4096")) as server:
        server.first_token(QUESTION)
        for _ in contest.turns(TURNS):
            with_drafts, without = _answer(server, prompt), _answer(server, prompt, **WITHOUT)
            same += with_drafts.text == without.text
            row.pairs.append((_rate(with_drafts), _rate(without)))
    turns = len(row.pairs)
    return [row, counted("prompt lookup: answers the same", same, turns, at_least=turns)]


def _answer(server: Server, prompt: str, **fields: object) -> Stream:
    return server.complete(prompt, TOKENS, cache_prompt=True, **fields)


def _rate(answer: Stream) -> float:
    """Of the whole answer: several tokens may come at once. The prompt is in the cache from the second turn on."""
    return answer.n_tokens / answer.total_s
