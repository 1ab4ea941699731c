"""When a dead worker is replaced, and when not any more.

A worker that has answered something is replaced at once; one after the other that has not, after
0, 1, 2, then 5 seconds. Too many deaths within a minute are the end.
"""

import time
from collections import deque

BACK_OFF_S = (0.0, 1.0, 2.0, 5.0)
WITHIN_S = 60.0
DEFAULT_MAX_DEATHS = 5


class Restarts:
    """Counts the deaths of one model's workers. max_deaths: 0 for no end."""

    def __init__(self, max_deaths: int = DEFAULT_MAX_DEATHS) -> None:
        self.max_deaths = max_deaths
        self._deaths: deque[float] = deque(maxlen=max_deaths or 1)
        self._n_in_vain = 0

    def answered(self) -> None:
        """The worker has answered a request."""
        self._n_in_vain = 0

    def delay_s(self) -> float | None:
        """A worker has died: return the seconds until the next one is started; None: never."""
        now = time.monotonic()
        self._deaths.append(now)
        if len(self._deaths) == self.max_deaths and now - self._deaths[0] < WITHIN_S:
            return None
        delay_s = BACK_OFF_S[min(self._n_in_vain, len(BACK_OFF_S) - 1)]
        self._n_in_vain += 1
        return delay_s
