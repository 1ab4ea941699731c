"""Times an answer while it is written, for clients that want to know with each token."""

import time

from runtime.engine.protocol import Delta, Started, Timings
from runtime.server.generation import AnswerEvent


class Stopwatch:
    """The times of one answer so far, as its events arrive here; the engine's own come with the last of them."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._first_s: float | None = None
        self._started: Started | None = None
        self._n_predicted = 0

    def take(self, event: AnswerEvent) -> None:
        """Take in the next event."""
        if isinstance(event, Started):
            self._began_s, self._started = time.monotonic(), event
        elif isinstance(event, Delta):
            self.count(len(event.tokens))

    def count(self, n_tokens: int) -> None:
        """So many more tokens have come."""
        if self._first_s is None:
            self._first_s = time.monotonic()
        self._n_predicted += n_tokens

    def read(self) -> Timings:
        """Counts and milliseconds so far."""
        now_s = time.monotonic()
        first_s = now_s if self._first_s is None else self._first_s
        n_prompt = self._started.n_prompt if self._started else 0
        n_cached = self._started.n_cached if self._started else 0
        return Timings(
            cache_n=n_cached,
            prompt_n=n_prompt - n_cached,
            prompt_ms=(first_s - self._began_s) * 1000,
            predicted_n=self._n_predicted,
            predicted_ms=(now_s - first_s) * 1000,
        )
