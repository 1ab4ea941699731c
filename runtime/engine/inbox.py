"""What the front has asked for and the step loop has not seen yet, shared by the listening and the computing thread.

It counts the requests that wait, here and in the step loop, so that a full queue is refused
at once; and it stops a computation in which nobody has an interest any more.
"""

from collections.abc import Callable
from threading import Condition, Lock

from runtime.engine.protocol import Cancel, Request


class Inbox:
    """At most `max_waiting` requests wait."""

    def __init__(self, max_waiting: int) -> None:
        self.max_waiting = max_waiting
        self.has_arrived = False
        """Whether `take` has something to give; read without the lock."""
        self._changed = Condition(Lock())
        self._arrived: list[Request | Cancel] = []
        self._n_waiting = 0
        self._is_stopping = False
        self._computing: set[int] = set()
        self._interrupt: Callable[[], None] | None = None

    # For the listening thread

    def submit(self, request: Request) -> bool:
        """Queue a request; False when too many wait already."""
        with self._changed:
            if self._n_waiting >= self.max_waiting:
                return False
            self._n_waiting += 1
            self._arrive(request)
            return True

    def cancel(self, request_id: int) -> None:
        """End a request at the next step. Harmless when it is gone."""
        with self._changed:
            self._computing.discard(request_id)
            if not self._computing and self._interrupt:
                self._interrupt()
            self._arrive(Cancel(request_id))

    def stop(self) -> None:
        """Make `take` return None from now on."""
        with self._changed:
            self._is_stopping = self.has_arrived = True
            if self._interrupt:
                self._interrupt()
            self._changed.notify()

    # For the computing thread

    def attach(self, interrupt: Callable[[], None]) -> None:
        """Tell how a computation is stopped."""
        with self._changed:
            self._interrupt = interrupt

    def take(self, wait: bool, timeout_s: float | None = None) -> list[Request | Cancel] | None:
        """Return what has arrived, waiting for something if `wait`; None after `stop`."""
        with self._changed:
            if wait and not (self._arrived or self._is_stopping):
                self._changed.wait(timeout_s)
            if self._is_stopping:
                return None
            arrived, self._arrived = self._arrived, []
            self.has_arrived = False
            return arrived

    def begun(self) -> None:
        """A request waits no more: it is being computed, or has ended."""
        with self._changed:
            self._n_waiting -= 1

    def waits_again(self) -> None:
        """A request had to make room for others; it is never refused for that."""
        with self._changed:
            self._n_waiting += 1

    def computing(self, request_ids: set[int]) -> bool:
        """These requests are computed next: when all of them are cancelled, the computation is stopped.

        False when all of them have been cancelled already.
        """
        with self._changed:
            cancelled = {one.id for one in self._arrived if isinstance(one, Cancel)}
            self._computing = request_ids - cancelled
            return bool(self._computing)

    def _arrive(self, one: Request | Cancel) -> None:
        self._arrived.append(one)
        self.has_arrived = True
        self._changed.notify()
