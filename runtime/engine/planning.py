"""Decides what a step computes: every answer's next token with its guesses, and a share of each prompt."""

from runtime.engine.backend import Asked, Backend, Work
from runtime.engine.guessing import Guessing
from runtime.engine.lane import Lane
from runtime.engine.pace import Pace, divide, whole
from runtime.engine.protocol import Event
from runtime.engine.reading import begun
from runtime.engine.sequence import Sequence

Plan = list[tuple[Sequence, Work]]


class Planning:
    """pace: how many tokens of prompts a step may hold. guessing: which tokens are guessed ahead."""

    def __init__(self, backend: Backend, guessing: Guessing) -> None:
        self.pace = Pace(backend.n_chunk)
        self.guessing = guessing
        self._backend = backend

    def plan(self, running: list[Sequence]) -> tuple[list[tuple[Lane, Plan]], list[Event]]:
        """Return what each lane computes next, and the events of requests that now begin."""
        writing: list[Sequence] = []
        reading: list[tuple[Sequence, int]] = []
        for sequence in sorted(running, key=lambda sequence: sequence.request.id):
            if sequence.stage == "decoding":
                writing.append(sequence)
            elif sequence.place and (n_most := sequence.place.lane.advance(sequence, sequence.place)) > 0:
                reading.append((sequence, min(n_most, sequence.n_left - sequence.is_telling)))
        plans: dict[int, tuple[Lane, Plan]] = {}
        n_outputs = self._backend.n_outputs - len(writing) - len(reading)
        n_guesses = 0 if any(sequence.is_telling for sequence, _ in reading) else n_outputs
        guesses = self.guessing.guess(writing, n_guesses, self._backend.facts.n_ctx)
        for sequence in writing:
            _add(plans, sequence, 1, guesses.get(sequence.request.id, []))
        events: list[Event] = []
        budget = self.pace.budget(is_shared=bool(writing)) - len(writing)
        for (sequence, _), share in zip(reading, divide(budget, [n for _, n in reading]), strict=True):
            n_tokens = min(share, n_outputs) if sequence.is_telling else whole(share, sequence.n_left)
            if n_tokens:
                n_outputs -= n_tokens * sequence.is_telling
                _add(plans, sequence, n_tokens, [])
                events += begun(sequence, self._backend)
        return list(plans.values()), events


def _add(plans: dict[int, tuple[Lane, Plan]], sequence: Sequence, n_tokens: int, guesses: list[int]) -> None:
    """Add the next `n_tokens` of a request, and guesses of what follows, to the plan of its lane."""
    place = sequence.place
    if place is None:
        return
    begin, end = sequence.n_computed, sequence.n_computed + n_tokens
    tokens = sequence.tokens[begin:end]
    if sequence.is_telling:
        asked = Asked(sequence.tokens[begin + 1 : end + 1], sequence.request.prompt_probs)
        work = Work(place.id, tokens, begin, asked=asked)
    else:
        draws = n_tokens == sequence.n_left and sequence.n_room > 0
        work = Work(place.id, tokens + guesses, begin, sequence.sampler if draws else None, len(guesses))
    plans.setdefault(id(place.lane), (place.lane, []))[1].append((sequence, work))
