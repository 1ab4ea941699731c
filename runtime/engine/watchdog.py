"""Ends the process when a step of native code never ends, so that the front can start another worker.

    watchdog = Watchdog(limit_s)
    watchdog.start()
    while …:
        watchdog.begin()
        …                      # the step
        watchdog.end()

It counts looks, not seconds: a process that was suspended for an hour has looked once in that
time. Finds what hangs without holding the interpreter's lock, as native code called by ctypes does.
"""

import os
import time
from threading import Thread
from typing import NoReturn

from runtime.engine import worker_log

LOOKS = 10
"""How often a step is seen before it counts as hung: the limit is kept to a tenth."""


class Watchdog:
    """Watches the steps of one thread. limit_s: how long a step may take; 0: for ever."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._n_begun = 0
        self._is_running = False

    def start(self) -> None:
        """Begin to watch."""
        if self._limit_s > 0:
            Thread(target=self._watch, name="watchdog", daemon=True).start()

    def begin(self) -> None:
        """A step begins."""
        self._n_begun += 1
        self._is_running = True

    def end(self) -> None:
        """The step has ended; until the next one there is nothing to watch."""
        self._is_running = False

    def _watch(self) -> NoReturn:
        step, n_seen = 0, 0
        while True:
            time.sleep(self._limit_s / LOOKS)
            n_seen = n_seen + 1 if self._is_running and step == self._n_begun else 0
            step = self._n_begun
            if n_seen == LOOKS:
                _abort(f"a step did not end within {self._limit_s:g} seconds")


def _abort(why: str) -> NoReturn:
    os.write(worker_log.STANDARD_ERROR, f"\n{why}\n".encode())
    os.abort()
