"""Runs requests on the engine, and what every dialect tells about a finished one.

The engine's generator belongs to the request: when the handler ends for whatever reason,
also because the client has left, the generator is closed and the worker told to stop.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from runtime.engine.protocol import (
    Delta,
    Failed,
    Finished,
    Generate,
    Progress,
    Prompted,
    Started,
    Timings,
    TokenProbability,
)
from runtime.server.merge import merge
from runtime.server.observing import watching
from runtime.server.problem import from_engine, unavailable
from runtime.server.service import Service

Piece = Started | Progress | Prompted | Delta | Finished

MAX_ANSWERS = 64
"""To one HTTP request: prompts times copies."""


async def run(service: Service, requests: Sequence[Generate]) -> AsyncGenerator[tuple[int, Piece], None]:
    """Yield the events of the requests, each with its request's index; the engine computes all at the same time.

    Raises: Problem when the engine refuses or loses one; the others end with it.
    """
    # Twice the slots keep the engine busy; more would fill its queue and turn others away.
    places = asyncio.Semaphore(2 * service.facts().n_slots)
    async with aclosing(merge([_pieces(service, request, places) for request in requests])) as pieces:
        async for index, piece in pieces:
            yield index, piece


async def _pieces(service: Service, request: Generate, places: asyncio.Semaphore) -> AsyncGenerator[Piece, None]:
    with watching(service, request) as work:
        async with places, aclosing(service.engine.generate(request)) as events:
            async for event in events:
                if isinstance(event, Finished | Failed):
                    work.end(event)
                    _check(event)
                if isinstance(event, Piece):
                    yield event


def _check(event: Finished | Failed) -> None:
    """Raise the Problem of an answer that is none."""
    if isinstance(event, Failed):
        raise from_engine(event)
    if event.reason == "cancelled":
        raise unavailable("The answer was cancelled by the server.")


class Answer(msgspec.Struct):
    """What came for one request."""

    started: Started | None = None
    finished: Finished | None = None
    pieces: list[str] = msgspec.field(default_factory=list)
    tokens: list[int] = msgspec.field(default_factory=list)
    probabilities: list[TokenProbability] = msgspec.field(default_factory=list)
    prompt_probabilities: list[TokenProbability] = msgspec.field(default_factory=list)
    n_thought: int = 0
    """Tokens of thoughts, as far as it is known which these are."""

    def add(self, piece: Piece) -> None:
        """Take in the next event."""
        if isinstance(piece, Started):
            self.started = piece
        elif isinstance(piece, Finished):
            self.finished = piece
        elif isinstance(piece, Prompted):
            self.prompt_probabilities += piece.probabilities
        elif isinstance(piece, Delta):
            self.pieces.append(piece.text)
            self.tokens += piece.tokens
            self.probabilities += piece.probabilities

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self.pieces)

    @property
    def slot(self) -> int:
        """Where it is computed; -1 before it is."""
        return self.started.slot if self.started else -1

    @property
    def n_prompt(self) -> int:
        """Tokens of the prompt."""
        return self.started.n_prompt if self.started else 0

    @property
    def n_predicted(self) -> int:
        """Tokens of the answer so far."""
        return self.finished.timings.predicted_n if self.finished else len(self.tokens)


async def collect(service: Service, requests: Sequence[Generate]) -> list[Answer]:
    """Return the complete answers, in the order of the requests. Raises: Problem."""
    answers = [Answer() for _ in requests]
    async with aclosing(run(service, requests)) as pieces:
        async for index, piece in pieces:
            answers[index].add(piece)
    return answers


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
