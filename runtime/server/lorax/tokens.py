"""The tokens of an answer as LoRAX tells them, and a text cut into tokens with the places where it was cut."""

import codecs
from collections.abc import Sequence

import msgspec

from runtime.engine.protocol import ModelFacts, Tokenized, TokenProbability
from runtime.server.generation import Answer
from runtime.server.probabilities import finite_logprob


class AlternativeToken(msgspec.Struct, kw_only=True):
    """A token that could have stood there."""

    id: int
    text: str
    logprob: float


class AnswerToken(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A token of the answer. special: not part of the text. skipped: always false: no token stands for others."""

    id: int
    text: str
    logprob: float
    special: bool
    skipped: bool
    alternative_tokens: list[AlternativeToken] | None = None


class InputToken(msgspec.Struct, kw_only=True):
    """A token of the prompt; how likely the first one was is not known."""

    id: int
    text: str
    logprob: float | None


class CutToken(msgspec.Struct, kw_only=True):
    """A token of a text: `start` to `stop` are its characters; a token that was added has none."""

    id: int
    text: str
    start: int
    stop: int


class Teller:
    """Tells the tokens of one answer, in order; their texts together are the text, whole characters only."""

    def __init__(self, facts: ModelFacts, n_alternatives: int) -> None:
        self._special = {
            **dict.fromkeys(facts.infill.values(), ""),
            facts.bos: facts.bos_token,
            facts.eos: facts.eos_token,
        }
        self._n_alternatives = n_alternatives
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def tell(self, drawn: TokenProbability) -> AnswerToken:
        """Return the next token."""
        special = drawn.id in self._special
        token = AnswerToken(
            id=drawn.id,
            text=drawn.token or self._special[drawn.id] if special else self._decoder.decode(bytes(drawn.bytes)),
            logprob=finite_logprob(drawn),
            special=special,
            skipped=False,
        )
        if self._n_alternatives:
            others = drawn.top_logprobs[: self._n_alternatives]
            token.alternative_tokens = [
                AlternativeToken(id=one.id, text=one.token, logprob=finite_logprob(one)) for one in others
            ]
        return token

    def all(self, answer: Answer) -> list[AnswerToken]:
        """Return all tokens of a complete answer."""
        told = [self.tell(one) for one in answer.probabilities]
        if told:
            told[-1].special |= is_end(told[-1], answer)
        return told


def is_end(token: AnswerToken, answer: Answer) -> bool:
    """Whether the last token of an answer says that it is at its end, whatever the model calls that."""
    ended = answer.finished is not None and answer.finished.reason == "stop"
    return ended and not answer.text.endswith(token.text)


def read_tokens(prompted: Sequence[TokenProbability]) -> list[InputToken]:
    """The tokens of a prompt."""
    return [
        InputToken(id=one.id, text=one.token, logprob=finite_logprob(one) if place else None)
        for place, one in enumerate(prompted)
    ]


def cut_tokens(text: str, found: Tokenized) -> list[CutToken]:
    """The tokens of a text with their places. A space that the model puts before a text has no place in it."""
    data, told, at = text.encode(), [], 0
    for token, raw in zip(found.tokens, found.pieces, strict=True):
        piece = next((one for one in (raw, raw.removeprefix(b" ")) if data.startswith(one, at)), b"")
        start, stop = _characters(data[:at]), _characters(data[: at + len(piece)])
        told.append(CutToken(id=token, text=raw.decode("utf-8", "replace"), start=start, stop=stop))
        at += len(piece)
    return told


def _characters(data: bytes) -> int:
    return len(data.decode("utf-8", "ignore"))
