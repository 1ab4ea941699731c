"""Runs requests on the engine, and gathers what comes of them.

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
    TokenProbability,
)
from runtime.server.merge import merge
from runtime.server.observing import watching
from runtime.server.problem import from_engine, unavailable
from runtime.server.service import Service

AnswerEvent = Started | Progress | Prompted | Delta | Finished

MAX_ANSWERS = 64
"""To one HTTP request: prompts times copies."""


async def run(service: Service, requests: Sequence[Generate]) -> AsyncGenerator[tuple[int, AnswerEvent], None]:
    """Yield the events of the requests, each with its request's index; the engine computes all at the same time.

    Raises: Problem when the engine refuses or loses one; the others end with it.
    """
    # Twice the slots keep the engine busy; more would fill its queue and turn others away.
    places = asyncio.Semaphore(2 * service.facts().n_slots)
    async with aclosing(merge([_events(service, request, places) for request in requests])) as events:
        async for index, event in events:
            yield index, event


async def _events(service: Service, request: Generate, places: asyncio.Semaphore) -> AsyncGenerator[AnswerEvent, None]:
    with watching(service, request) as work:
        async with places, aclosing(service.engine.generate(request)) as events:
            async for event in events:
                if isinstance(event, Finished | Failed):
                    work.end(event)
                    _check(event)
                if isinstance(event, AnswerEvent):
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
    texts: list[str] = msgspec.field(default_factory=list)
    tokens: list[int] = msgspec.field(default_factory=list)
    probabilities: list[TokenProbability] = msgspec.field(default_factory=list)
    prompt_probabilities: list[TokenProbability] = msgspec.field(default_factory=list)
    n_thought: int = 0
    """Tokens of thoughts, as far as it is known which these are."""

    def add(self, event: AnswerEvent) -> None:
        """Take in the next event."""
        if isinstance(event, Started):
            self.started = event
        elif isinstance(event, Finished):
            self.finished = event
        elif isinstance(event, Prompted):
            self.prompt_probabilities += event.probabilities
        elif isinstance(event, Delta):
            self.texts.append(event.text)
            self.tokens += event.tokens
            self.probabilities += event.probabilities

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self.texts)

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
    async with aclosing(run(service, requests)) as events:
        async for index, event in events:
            answers[index].add(event)
    return answers
