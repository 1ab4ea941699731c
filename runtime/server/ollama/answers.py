"""What Ollama's two ways of generating tell alike: when, how likely, how long, and why the answer ended."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from runtime.engine.protocol import Finished, TokenProbability
from runtime.server.ollama.loaded import Loaded
from runtime.server.probabilities import finite_logprob

NEVER_S = 290 * 365 * 86_400.0
DoneReason = Literal["stop", "length", "load", "unload"]


class TokenLikelihood(msgspec.Struct, kw_only=True):
    """A token and the logarithm of its probability."""

    token: str
    logprob: float
    bytes: list[int]


class DrawnToken(TokenLikelihood, kw_only=True):
    """A token of the answer, and the likeliest in its place."""

    top_logprobs: list[TokenLikelihood]


class GeneratedAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What each object of an answer has; from done_reason on only the last one. Durations are nanoseconds."""

    model: str
    created_at: str
    done: bool
    done_reason: DoneReason | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None
    logprobs: list[DrawnToken] | None = None


def frame(name: str, *, done: bool = False) -> dict[str, object]:
    """The keys that every object of an answer begins with."""
    return {"model": name, "created_at": written(datetime.now(UTC)), "done": done}


def measured(loaded: Loaded, finished: Finished, n_prompt: int) -> dict[str, object]:
    """Why and how an answer ended. n_prompt: tokens of the prompt, those known before included."""
    timings = finished.timings
    return {
        "done": True,
        "done_reason": "length" if finished.reason == "length" else "stop",
        **loaded.durations(),
        "prompt_eval_count": n_prompt,
        "prompt_eval_duration": int(timings.prompt_ms * 1e6),
        "eval_count": timings.predicted_n,
        "eval_duration": int(timings.predicted_ms * 1e6),
    }


def likelihoods(drawn: Sequence[TokenProbability], n_top: int) -> dict[str, object]:
    """How likely tokens were; empty when nobody asked."""
    if not drawn:
        return {}
    return {
        "logprobs": [{**_one(token), "top_logprobs": list(map(_one, token.top_logprobs[:n_top]))} for token in drawn]
    }


def written(moment: datetime) -> str:
    """A moment as RFC 3339 wants it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def in_future(after_s: float | None) -> str:
    """When something happens; None: never, which Ollama writes as a time in the far future."""
    wait_s = NEVER_S if after_s is None else min(after_s, NEVER_S)
    return written(datetime.now(UTC) + timedelta(seconds=wait_s))


def _one(token: TokenProbability) -> dict[str, object]:
    return {"token": token.token, "logprob": finite_logprob(token), "bytes": token.bytes}
