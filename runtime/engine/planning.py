"""Decides what a step computes: every answer's next token with its guesses, and a share of each prompt."""

from runtime.engine.backend import Backend, Work
from runtime.engine.guessing import Guessing
from runtime.engine.lane import Lane
from runtime.engine.pace import Pace, divide
from runtime.engine.protocol import Event, Started
from runtime.engine.sequence import Sequence

Plan = list[tuple[Sequence, Work]]


class Planning:
    """pace: how many tokens of prompts a step may hold. guessing: which tokens are guessed ahead."""

    def __init__(self, backend: Backend, guessing: Guessing) -> None:
        self.pace = Pace(backend.n_chunk)
        self.guessing = guessing
        self._backend = backend

    def plan(self, running: list[Sequence]) -> tuple[list[tuple[Lane, Plan]], list[Event]]:
        """Return what each lane computes next, and the `Started` of requests that now begin."""
        writing: list[Sequence] = []
        reading: list[tuple[Sequence, int]] = []
        for sequence in sorted(running, key=lambda sequence: sequence.request.id):
            if sequence.stage == "decoding":
                writing.append(sequence)
            elif sequence.place and (n_most := sequence.place.lane.advance(sequence, sequence.place)) > 0:
                reading.append((sequence, min(n_most, sequence.n_left)))
        plans: dict[int, tuple[Lane, Plan]] = {}
        n_outputs = self._backend.n_outputs - len(writing) - len(reading)
        guesses = self.guessing.guess(writing, n_outputs, self._backend.facts.n_ctx)
        for sequence in writing:
            _add(plans, sequence, 1, guesses.get(sequence.request.id, []))
        events: list[Event] = []
        budget = self.pace.budget(is_shared=bool(writing)) - len(writing)
        for (sequence, _), n_tokens in zip(reading, divide(budget, [n for _, n in reading]), strict=True):
            if n_tokens:
                events += started(sequence)
                _add(plans, sequence, n_tokens, [])
        return list(plans.values()), events


def started(sequence: Sequence) -> list[Event]:
    """Return the event that says that a request has begun, the first time; by now it is known what was cached."""
    if sequence.was_announced:
        return []
    sequence.was_announced = True
    return [
        Started(
            id=sequence.request.id,
            prompt=sequence.text,
            n_prompt=sequence.n_prompt,
            n_cached=sequence.n_cached,
            slot=sequence.slot,
        )
    ]


def _add(plans: dict[int, tuple[Lane, Plan]], sequence: Sequence, n_tokens: int, guesses: list[int]) -> None:
    """Add the next `n_tokens` of a request, and guesses of what follows, to the plan of its lane."""
    place = sequence.place
    if place is None:
        return
    tokens = sequence.tokens[sequence.n_computed : sequence.n_computed + n_tokens]
    draws = n_tokens == sequence.n_left and sequence.n_room > 0
    sampler = sequence.sampler if draws else None
    work = Work(place.id, tokens + guesses, sequence.n_computed, sampler, len(guesses))
    plans.setdefault(id(place.lane), (place.lane, []))[1].append((sequence, work))
