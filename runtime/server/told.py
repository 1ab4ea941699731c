"""What the answers of several dialects hold, as records that describe it: times, and how likely tokens were."""

import msgspec
from msgspec import UNSET, UnsetType


class Measured(msgspec.Struct, kw_only=True):
    """Counts, milliseconds and tokens per second; `draft_n`: tokens that were guessed ahead, where any were."""

    cache_n: int
    prompt_n: int
    prompt_ms: float
    prompt_per_token_ms: float
    prompt_per_second: float
    predicted_n: int
    predicted_ms: float
    predicted_per_token_ms: float
    predicted_per_second: float
    draft_n: int | UnsetType = UNSET
    draft_n_accepted: int | UnsetType = UNSET


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
