"""Greedy answers token by token, and where two of them part.

The same tokens computed in another batch are summed in another order, so that two tokens
of nearly the same probability may change places. That, and nothing else, may make
two greedy answers to one prompt differ.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.streams import Stream, Unanswered, ask_all

NEAR_TIE = 0.05
"""Between the logprobs of the two likeliest tokens."""

LIMIT_S = 120.0


@dataclass(frozen=True)
class Token:
    """One token of an answer; `margin` is by how much its logprob is above that of the next likely one."""

    text: str
    logprob: float
    margin: float


@dataclass(frozen=True)
class Answer:
    """One greedy answer, and what the server says about it."""

    text: str
    tokens: tuple[Token, ...]
    n_prompt: int
    n_predicted: int
    stop: str


@dataclass(frozen=True)
class Parting:
    """The first place where two answers differ, and how near the tie was there: the lesser of both margins."""

    place: int
    margin: float

    @property
    def is_tie(self) -> bool:
        """Whether rounding may have decided."""
        return self.margin <= NEAR_TIE


def parting(one: Answer, other: Answer) -> Parting | None:
    """Where the answers part; None when they are the same."""
    for place, (a, b) in enumerate(zip(one.tokens, other.tokens, strict=False)):
        if a.text != b.text:
            return Parting(place, min(a.margin, b.margin))
    if len(one.tokens) == len(other.tokens):
        return None
    return Parting(min(len(one.tokens), len(other.tokens)), float("inf"))


def same(one: Answer, other: Answer) -> bool:
    """Whether two answers are the same up to a near tie."""
    found = parting(one, other)
    return found is None or found.is_tie


def chat(content: str, n_predict: int) -> dict[str, Any]:
    """The body of a greedy chat request whose answer says how likely each token was."""
    message = {"role": "user", "content": content}
    return {"messages": [message], "temperature": 0, "max_tokens": n_predict, "logprobs": True, "top_logprobs": 2}


def completion(prompt: str | Sequence[int], n_predict: int, **fields: object) -> dict[str, Any]:
    """The same for `/completion`."""
    return {"prompt": prompt, "temperature": 0, "n_predict": n_predict, "n_probs": 2, **fields}


def ask_chats(port: int, bodies: Sequence[Mapping[str, Any]]) -> list[Answer]:
    """Ask all at once. Raises: Unanswered."""
    return [_chat_answer(_json(stream)) for stream in ask_all(port, bodies, "/v1/chat/completions", LIMIT_S)]


def ask_completions(port: int, bodies: Sequence[Mapping[str, Any]]) -> list[Answer]:
    """Ask all at once. Raises: Unanswered."""
    return [completion_answer(stream) for stream in ask_all(port, bodies, limit_s=LIMIT_S)]


def completion_answer(stream: Stream) -> Answer:
    """The answer of `/completion` that was not streamed. Raises: Unanswered."""
    answer = _json(stream)
    return Answer(
        answer["content"],
        _tokens(answer["completion_probabilities"]),
        answer["tokens_evaluated"],
        answer["tokens_predicted"],
        answer["stop_type"],
    )


def _chat_answer(answer: Any) -> Answer:
    choice, usage = answer["choices"][0], answer["usage"]
    return Answer(
        choice["message"]["content"],
        _tokens(choice["logprobs"]["content"]),
        usage["prompt_tokens"],
        usage["completion_tokens"],
        choice["finish_reason"],
    )


def _tokens(listed: Sequence[Any]) -> tuple[Token, ...]:
    found = []
    for one in listed:
        best = [candidate["logprob"] for candidate in one["top_logprobs"][:2]]
        found.append(Token(one["token"], one["logprob"], best[0] - best[1] if len(best) == 2 else float("inf")))
    return tuple(found)


def _json(stream: Stream) -> Any:
    if stream.status != 200:
        raise Unanswered(f"{stream.status}: {stream.body[-300:]}")
    return json.loads(stream.body)
