"""What /completion and /infill answer: a whole answer, or the chunks of a stream."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from runtime.engine.protocol import Delta, FinishReason, Generate, Progress, TokenProbability
from runtime.server.generation import Answer, prompt_progress, timings
from runtime.server.native.settings import AnswerSettings
from runtime.server.probabilities import drawn_token
from runtime.server.sse import Chunk
from runtime.server.stopwatch import Stopwatch
from runtime.server.told import Drawn, Measured

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


def last(answer: Answer, **told: object) -> dict[str, object]:
    """The answer when it is complete; `told` is what only the handler knows."""
    finished = answer.finished
    if finished is None:
        raise ValueError("the answer is not complete")
    return {
        "tokens_predicted": answer.n_predicted,
        "tokens_evaluated": answer.n_prompt,
        "id_slot": answer.slot,
        "stop": True,
        "prompt": answer.started.prompt if answer.started else "",
        "tokens_cached": max(0, answer.n_prompt + answer.n_predicted - 1),
        "has_new_line": finished.has_new_line,
        "truncated": finished.truncated,
        "stop_type": STOP_TYPES[finished.reason],
        "stopping_word": finished.stopping_word,
        "timings": timings(finished.timings),
        **told,
    }


def chunk(index: int, piece: Delta | Progress, asked: Generate, answer: Answer, watch: Stopwatch | None) -> Chunk:
    """A piece of a streamed answer; with `watch` also how long it took so far."""
    found: dict[str, object] = {
        "index": index,
        "content": piece.text if isinstance(piece, Delta) else "",
        "tokens": piece.tokens if isinstance(piece, Delta) else [],
        "stop": False,
        "id_slot": answer.slot,
        "tokens_predicted": answer.n_predicted,
        "tokens_evaluated": answer.n_prompt,
    }
    if isinstance(piece, Progress):
        found["prompt_progress"] = prompt_progress(piece)
    elif piece.probabilities:
        found["completion_probabilities"] = probabilities(asked, piece.probabilities)
    if watch is not None:
        found["timings"] = timings(watch.read())
    return found


def probabilities(asked: Generate, drawn: Sequence[TokenProbability]) -> list[dict[str, object]]:
    """How likely the tokens were."""
    return [drawn_token(one, asked.n_probs, asked.post_sampling) for one in drawn]


def selected(answer: Mapping[str, object], paths: Sequence[str]) -> Mapping[str, object]:
    """Only what `paths` name, each under its path; `generation_settings/top_k` is a value inside another."""
    found = {}
    for path in paths:
        value: object = answer
        for name in path.split("/"):
            value = value.get(name, UNSET) if isinstance(value, Mapping) else UNSET
        if value is not UNSET:
            found[path] = value
    return found
