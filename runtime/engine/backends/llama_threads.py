"""Adapts the number of computing threads to what else runs on this computer.

ggml's threads wait for each other, spinning, a thousand times per token. When one of them
has to share its processor, all wait for it: on two processors, with one of them busy, two
threads give 6 tokens a second where one gives 160. What is lost shows in the processor
time they got: n threads that spin get n seconds in a second when they are alone.

    lost = n - processor time / time, of what was computed in a window of 50 ms
    nearly half a processor, or a third for some windows: go on with so many threads fewer
    after a second, doubled at each failure up to 16: try all of them again

A computation that would take long is stopped in its first moments (`pull`) and done
again with fewer threads. Does not know: what is computed.
"""

import sys
import time
from collections.abc import Callable
from threading import Event, Thread

WINDOW_S = 0.25 if sys.platform == "win32" else 0.05
"""Long enough for the system's clock of processor time: 15.6 ms a tick on Windows."""

MAX_LOST = 0.45
"""Processors, in one window. A process that keeps one of two busy takes 0.5."""

MAX_MEAN_LOST = 0.35
"""On the average of the last windows. A client that reads a stream on the same two takes 0.2, now and then 0.4."""

NEW_SHARE = 0.3

MAX_LOST_AT_ONCE = 0.45
LAST_STOP_S = 6 * WINDOW_S
"""What has run for longer is let through: to begin again would cost more."""

RETRY_S = 1.0
MAX_RETRY_S = 16.0

Clock = Callable[[], float]


class ThreadControl:
    """Calls `attach` with each new number of threads, `n_most` at first."""

    def __init__(
        self,
        attach: Callable[[int], None],
        pull: Callable[[], None],
        n_most: int,
        wall: Clock = time.perf_counter,
        cpu: Clock = time.process_time,
    ) -> None:
        self.n_threads = n_most
        self._attach = attach
        self._pull = pull
        self._n_most = n_most
        self._wall = wall
        self._cpu = cpu
        self._began_s: float | None = None
        self._began_cpu_s = 0.0
        self._window_s = 0.0
        self._window_cpu_s = 0.0
        self._mean_lost = 0.0
        self._retry_s = RETRY_S
        self._retry_at_s = 0.0
        self._work = Event()
        attach(n_most)

    def begin(self) -> None:
        """A computation begins."""
        now_s = self._wall()
        if self.n_threads < self._n_most and now_s >= self._retry_at_s:
            self._use(self._n_most)
        self._began_cpu_s = self._cpu()
        self._began_s = now_s
        if not self._work.is_set():
            self._work.set()

    def end(self) -> None:
        """It has ended, or was stopped."""
        if self._began_s is None:
            return
        now_s = self._wall()
        self._window_s += now_s - self._began_s
        self._window_cpu_s += self._cpu() - self._began_cpu_s
        self._began_s = None
        if self._window_s >= WINDOW_S:
            self._decide(now_s)

    def watch(self) -> None:
        """Look after computations from a thread of its own, as long as the process lives."""
        Thread(target=self._watch, name="watching", daemon=True).start()

    def look(self) -> None:
        """Stop the computation that is running if its threads have to wait for others."""
        began_s = self._began_s
        if began_s is None or self.n_threads == 1:
            return
        elapsed_s = self._wall() - began_s
        if WINDOW_S <= elapsed_s <= LAST_STOP_S:
            lost = self.n_threads - (self._cpu() - self._began_cpu_s) / elapsed_s
            if lost > MAX_LOST_AT_ONCE and began_s == self._began_s:
                self._pull()

    def _watch(self) -> None:
        while self._work.wait():
            self._work.clear()
            time.sleep(WINDOW_S)
            self.look()
            if self._began_s is not None:
                self._work.set()

    def _decide(self, now_s: float) -> None:
        lost = self.n_threads - self._window_cpu_s / self._window_s
        self._mean_lost += NEW_SHARE * (lost - self._mean_lost)
        if self.n_threads > 1 and (lost > MAX_LOST or self._mean_lost > MAX_MEAN_LOST):
            self._use(max(1, min(self.n_threads - 1, round(self.n_threads - lost))))
            self._retry_at_s = now_s + self._retry_s
            self._retry_s = min(2 * self._retry_s, MAX_RETRY_S)
        elif self.n_threads == self._n_most:
            self._retry_s = max(self._retry_s / 2, RETRY_S)
        self._window_s = self._window_cpu_s = 0.0

    def _use(self, n_threads: int) -> None:
        self._attach(n_threads)
        self.n_threads = n_threads
        self._window_s = self._window_cpu_s = self._mean_lost = 0.0
