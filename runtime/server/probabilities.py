"""How likely tokens were, as llama-server tells it: as logarithms, or as what the samplers left of them."""

import math
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from runtime.engine.protocol import TokenProbability

LEAST_LOGPROB = -9999.0
"""Stands for the logarithm of zero, which JSON cannot hold."""


class Candidate(msgspec.Struct, kw_only=True):
    """A token and how likely it was: `logprob`, or with `post_sampling_probs` `prob`."""

    id: int
    token: str
    bytes: list[int]
    logprob: float | UnsetType = UNSET
    prob: float | UnsetType = UNSET


class Drawn(Candidate, kw_only=True):
    """A token of the answer, and the likeliest in its place."""

    top_logprobs: list[Candidate] | UnsetType = UNSET
    top_probs: list[Candidate] | UnsetType = UNSET


def drawn_token(drawn: TokenProbability, n_top: int, after_sampling: bool) -> dict[str, object]:
    """The token of an answer and the `n_top` likeliest in its place, a `Drawn`."""
    others = [_token(other, after_sampling) for other in drawn.top_logprobs[:n_top]]
    return {**_token(drawn, after_sampling), ("top_probs" if after_sampling else "top_logprobs"): others}


def finite_logprob(one: TokenProbability) -> float:
    """The logarithm, as JSON can hold it."""
    return max(one.logprob, LEAST_LOGPROB)


def mean_logprob(drawn: Sequence[TokenProbability]) -> float:
    """The mean over the tokens of an answer: the greatest is that of the likeliest answer."""
    return sum(map(finite_logprob, drawn)) / max(1, len(drawn))


def _token(one: TokenProbability, after_sampling: bool) -> dict[str, object]:
    likely = {"prob": math.exp(min(one.logprob, 0.0))} if after_sampling else {"logprob": finite_logprob(one)}
    return {"id": one.id, "token": one.token, "bytes": one.bytes, **likely}
