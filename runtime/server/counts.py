"""What is counted of an answer, as OpenAI and llama-server tell it: tokens, times, and how far a prompt is read."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from runtime.engine.protocol import Progress, Timings
from runtime.server.generation import Answer


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


def usage(answers: Sequence[Answer], copies: int) -> dict[str, object]:
    """OpenAI's token counts; a prompt answered `copies` times counts once. Tokens of thoughts: where there are any."""
    prompts = [answer.started for answer in answers[::copies] if answer.started]
    n_prompt = sum(started.n_prompt for started in prompts)
    n_predicted = sum(answer.n_predicted for answer in answers)
    n_thought = sum(answer.n_thought for answer in answers)
    return {
        "prompt_tokens": n_prompt,
        "completion_tokens": n_predicted,
        "total_tokens": n_prompt + n_predicted,
        "prompt_tokens_details": {"cached_tokens": sum(started.n_cached for started in prompts)},
        **({"completion_tokens_details": {"reasoning_tokens": n_thought}} if n_thought else {}),
    }


def timings(measured: Timings) -> dict[str, object]:
    """llama-server's timings. The first token belongs to the prompt, so the speed counts one step less.

    draft_n: tokens that were guessed ahead, if any were.
    """
    n_steps = max(0, measured.predicted_n - 1)
    return {
        "cache_n": measured.cache_n,
        "prompt_n": measured.prompt_n,
        "prompt_ms": measured.prompt_ms,
        "prompt_per_token_ms": _ratio(measured.prompt_ms, measured.prompt_n),
        "prompt_per_second": _ratio(measured.prompt_n * 1000, measured.prompt_ms),
        "predicted_n": measured.predicted_n,
        "predicted_ms": measured.predicted_ms,
        "predicted_per_token_ms": _ratio(measured.predicted_ms, n_steps),
        "predicted_per_second": _ratio(n_steps * 1000, measured.predicted_ms),
        **({"draft_n": measured.draft_n, "draft_n_accepted": measured.draft_n_accepted} if measured.draft_n else {}),
    }


def prompt_progress(progress: Progress) -> dict[str, object]:
    """llama-server's `prompt_progress`."""
    return {
        "total": progress.n_prompt,
        "cache": progress.n_cached,
        "processed": progress.n_done,
        "time_ms": round(progress.took_ms),
    }


def _ratio(value: float, per: float) -> float:
    return value / per if per > 0 else 0.0
