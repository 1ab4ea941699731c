"""How the scripted engine goes on with a text: each token with what it could have been."""

import math
import re
from collections.abc import Iterable

from runtime.engine.protocol import Delta, Event, Generate
from runtime.engine.protocol.events import TokenProbability
from tests.runtime.server.live import say

UNICORN = [b"\xf0\x9f", b"\xa6", b"\x84"]
TEXT = [[b" alpha"], [b" beta"], [b"\n"], UNICORN, [b" omega"]]


def guessed(request: Generate) -> Iterable[Event | float]:
    """`count N`: N words; `slowly`: with pauses; else a text of all kinds of tokens."""
    prompt = str(request.prompt)
    count = re.search(r"count (\d+)", prompt)
    pieces = [[b" word%d" % at] for at in range(int(count[1]))] if count else TEXT
    for event in say(*(b"".join(piece).decode() for piece in pieces))(request):
        if not isinstance(event, Delta):
            yield event
            continue
        piece = pieces[event.tokens[0]]
        tokens = [candidate(token, 0.5, [candidate(token, 0.5), candidate(b" other", 0.25)]) for token in piece]
        yield Delta(id=event.id, text=event.text, tokens=list(range(len(piece))), probabilities=tokens)
        yield 0.05 if "slowly" in prompt else 0.002


def candidate(token: bytes, share: float, others: list[TokenProbability] | None = None) -> TokenProbability:
    text = token.decode("utf-8", "ignore")
    return TokenProbability(id=1, token=text, bytes=list(token), logprob=math.log(share), top_logprobs=others or [])
