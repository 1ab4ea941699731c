"""Long answers of one shape each, at 200 tokens a second by the clock: what the page's smoothness is measured with."""

import random
import time
from collections.abc import Iterable, Iterator

from runtime.engine.protocol import Event, Generate
from tests.runtime.server.live import say

TOKENS_PER_S = 200
WORDS = "the river runs past old stone houses and a narrow bridge that nobody in town remembers being built".split()
SEED = 7


def replayed(request: Generate, shape: str, duration_s: float) -> Iterable[Event | float]:
    """An answer of that shape; late tokens follow at once, so it ends in time."""
    shapes = {"prose": _prose, "list": _list, "code": _code, "table": _table}
    tokens = shapes[shape](random.Random(SEED))
    pieces = [next(tokens) for _ in range(round(duration_s * TOKENS_PER_S))]
    begin = time.monotonic()
    for at, event in enumerate(say(*pieces)(request)):
        yield event
        yield max(0.0, begin + at / TOKENS_PER_S - time.monotonic())


def _word(chance: random.Random) -> str:
    return chance.choice(WORDS)


def _prose(chance: random.Random) -> Iterator[str]:
    """Paragraphs of sixty words, some of them marked."""
    while True:
        for _ in range(60):
            word = _word(chance)
            yield chance.choice((word, word, word, word, f"**{word}**", f"*{word}*", f"`{word}`")) + " "
        yield "\n\n"


def _list(chance: random.Random) -> Iterator[str]:
    """One list, with a list in every fourth item."""
    for number in range(1, 1_000_000):
        yield f"{number}. " if number % 4 else "   - "
        for _ in range(6):
            yield _word(chance) + " "
        yield "\n"


def _code(chance: random.Random) -> Iterator[str]:
    yield "```python\n"
    while True:
        yield from ("def ", _word(chance), "(", _word(chance), ": ", "int", ") -> ", "str", ":\n", "    return ")
        yield from ('f"', _word(chance), '"', f"  # {_word(chance)} ", _word(chance), "\n\n")


def _table(chance: random.Random) -> Iterator[str]:
    yield "| Name | Place | Number |\n"
    yield "|---|:-:|--:|\n"
    while True:
        yield from ("| ", _word(chance), " ", _word(chance), " | ", _word(chance))
        yield from (f" | {chance.randrange(1000)}", " |\n")
