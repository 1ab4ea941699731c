"""The requests that wait and the one being served, shared by the listening and the computing thread.

A request is waiting, then current, then gone. Cancel works at once in each of these
states: a waiting one is taken out, the current one is marked and its computation stopped.
"""

from collections import deque
from collections.abc import Callable
from threading import Condition, Lock

from runtime.engine.protocol import Generate


class Inbox:
    """At most `max_waiting` requests wait, first come first served."""

    def __init__(self, max_waiting: int) -> None:
        self.max_waiting = max_waiting
        self.wants_attention = False
        """Whether `take` has to be asked before the current request may go on; read without the lock."""
        self._changed = Condition(Lock())
        self._waiting: deque[Generate] = deque()
        self._current: Generate | None = None
        self._is_cancelled = False
        self._is_stopping = False
        self._interrupt: Callable[[], None] | None = None
        self._resume: Callable[[], None] | None = None

    # For the listening thread

    def submit(self, request: Generate) -> bool:
        """Queue a request; False when too many wait already."""
        with self._changed:
            if len(self._waiting) >= self.max_waiting:
                return False
            self._waiting.append(request)
            self._changed.notify()
            return True

    def cancel(self, request_id: int) -> Generate | None:
        """End a request; return it if it was still waiting. Harmless when it is gone."""
        with self._changed:
            for request in self._waiting:
                if request.id == request_id:
                    self._waiting.remove(request)
                    return request
            if self._current and self._current.id == request_id:
                self._is_cancelled = True
                self._stop_computing()
            return None

    def stop(self) -> None:
        """Make `take` return None from now on."""
        with self._changed:
            self._is_stopping = True
            self._stop_computing()
            self._changed.notify()

    # For the computing thread

    def attach(self, interrupt: Callable[[], None], resume: Callable[[], None]) -> None:
        """Say how a computation is stopped, and how the next one is allowed."""
        with self._changed:
            self._interrupt, self._resume = interrupt, resume

    def take(self) -> Generate | None:
        """Return the current request, or wait for the next one; None after `stop`."""
        with self._changed:
            while not (self._current or self._waiting or self._is_stopping):
                self._changed.wait()
            if self._is_stopping:
                return None
            if self._current is None:
                self._current = self._waiting.popleft()
                self._is_cancelled = False
            if not self._is_cancelled:
                self.wants_attention = False
                if self._resume:
                    self._resume()
            return self._current

    def interrupted(self) -> None:
        """A computation was stopped: `take` will say whether to go on."""
        self.wants_attention = True

    @property
    def current(self) -> Generate | None:
        """The request that `take` returned last, until it is done."""
        return self._current

    @property
    def is_cancelled(self) -> bool:
        """Whether the current request is to end now."""
        return self._is_cancelled

    def done(self) -> None:
        """The current request has ended."""
        with self._changed:
            self._current = None
            self._is_cancelled = False

    def drain(self) -> list[Generate]:
        """Take out everything that waits."""
        with self._changed:
            waiting, self._waiting = list(self._waiting), deque()
            return waiting

    def _stop_computing(self) -> None:
        self.wants_attention = True
        if self._interrupt:
            self._interrupt()
