"""A complete answer in llama-server's own form: what its routes tell, and OpenAI's with `verbose`."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from runtime.engine.protocol import FinishReason, Generate, TokenProbability
from runtime.server.counts import Measured, timings
from runtime.server.fields import GenerationFields
from runtime.server.generation import Answer
from runtime.server.probabilities import Drawn, drawn_token
from runtime.server.service import Service
from runtime.server.settings import AnswerSettings, answer_settings, speculation

StopType = Literal["none", "eos", "limit", "word"]
STOP_TYPES: Mapping[FinishReason, StopType] = {"stop": "eos", "word": "word", "length": "limit", "cancelled": "none"}


class Completion(msgspec.Struct, kw_only=True):
    """A whole answer, also the last event of a stream. With `response_fields` only what these name."""

    index: int
    content: str
    tokens: list[int]
    id_slot: int
    stop: Literal[True] = True
    model: str
    tokens_predicted: int
    tokens_evaluated: int
    generation_settings: AnswerSettings
    prompt: str
    has_new_line: bool
    truncated: bool
    stop_type: StopType
    stopping_word: str
    tokens_cached: int
    timings: Measured
    completion_probabilities: list[Drawn] | UnsetType = UNSET


def completed(
    service: Service,
    fields: GenerationFields,
    asked: Generate,
    answer: Answer,
    *,
    index: int = 0,
    content: str = "",
    numbers: Mapping[str, int] | None = None,
) -> dict[str, object]:
    """Return what a `Completion` tells. content: all that was said, nothing in a stream. numbers: of the adapters."""
    finished = answer.finished
    if finished is None:
        raise ValueError("the answer is not complete")
    streamed, config = bool(fields.stream), service.model.entry.config
    settings = answer_settings(
        asked,
        seed=finished.seed,
        stream=streamed,
        timings_per_token=bool(fields.timings_per_token),
        guesses=speculation(config.n_draft, bool(config.draft_path)),
        numbers=numbers or {},
    )
    found: dict[str, object] = {
        "index": index,
        "content": content,
        "tokens": answer.tokens if fields.return_tokens and not streamed else [],
        "id_slot": answer.slot,
        "stop": True,
        "model": service.options.alias,
        "tokens_predicted": answer.n_predicted,
        "tokens_evaluated": answer.n_prompt,
        "generation_settings": msgspec.to_builtins(settings),
        "prompt": answer.started.prompt if answer.started else "",
        "has_new_line": finished.has_new_line,
        "truncated": finished.truncated,
        "stop_type": STOP_TYPES[finished.reason],
        "stopping_word": finished.stopping_word,
        "tokens_cached": max(0, answer.n_prompt + answer.n_predicted - 1),
        "timings": timings(finished.timings),
    }
    if asked.n_probs and not streamed:
        found["completion_probabilities"] = told_probabilities(asked, answer.probabilities)
    return found


def told_probabilities(asked: Generate, drawn: Sequence[TokenProbability]) -> list[dict[str, object]]:
    """How likely the tokens were."""
    return [drawn_token(one, asked.n_probs, asked.post_sampling) for one in drawn]
