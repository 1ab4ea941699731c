"""The events of LoRAX's streams: one for each token, and the last of them tells of the whole answer.

So a token may not go out before it is known whether it is the last. It is known of all that stand in the text before
the limit is reached; only the others wait for what comes next.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from runtime.engine.protocol import Delta, Finished, Generate, ModelFacts
from runtime.server.generation import Answer, AnswerEvent
from runtime.server.lorax.answers import StreamDetails, full_text, stream_details
from runtime.server.lorax.parameters import GenerateBody, Parameters
from runtime.server.lorax.tokens import AnswerToken, Teller, is_end
from runtime.server.sse import Chunk


class StreamEvent(msgspec.Struct, kw_only=True):
    """An event. generated_text, details: of the last one."""

    token: AnswerToken
    generated_text: str | None = None
    details: StreamDetails | None = None


async def events(
    facts: ModelFacts, body: GenerateBody, asked: Generate, answering: AsyncGenerator[tuple[int, AnswerEvent], None]
) -> AsyncGenerator[Chunk, None]:
    """Yield the events of one answer."""
    wanted = body.parameters or Parameters()
    teller = Teller(facts, wanted.return_k_alternatives or 0)
    answer, held = Answer(), list[AnswerToken]()
    async with aclosing(answering):
        async for _, event in answering:
            answer.add(event)
            if isinstance(event, Delta) and event.probabilities:
                tokens = [teller.tell(one) for one in event.probabilities]
                is_shown = event.text != "" and event.text == _text(tokens)
                may_end = not is_shown or 0 < asked.max_tokens <= answer.n_predicted
                held += tokens
                for token in held[: -1 if may_end else None]:
                    yield _event(token)
                held = held[-1:] if may_end else []
            elif isinstance(event, Finished):
                last = held[0] if held else _nothing(facts, answer)
                last.special |= is_end(last, answer)
                details = stream_details(wanted, answer) if wanted.details else None
                yield _event(last, full_text(body, answer), details)


def _text(tokens: list[AnswerToken]) -> str:
    return "".join(token.text for token in tokens if not token.special)


def _nothing(facts: ModelFacts, answer: Answer) -> AnswerToken:
    """Stands where the last token has gone out already, as when the context is full."""
    last = answer.tokens[-1] if answer.tokens else facts.eos
    return AnswerToken(id=max(0, last), text="", logprob=0.0, special=True, skipped=False)


def _event(token: AnswerToken, text: str | None = None, details: StreamDetails | None = None) -> Chunk:
    return {"token": token, "generated_text": text, "details": details}
