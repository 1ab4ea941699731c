"""The only place of the build tool that writes to the terminal.

Results go to stdout, everything about the work to stderr. A bar is drawn only on
a terminal; a log gets one line per step instead. NO_COLOR is honoured.
"""

import os
import sys
import time
from typing import TextIO

BAR_WIDTH = 28
REDRAW_S = 0.1


class Console:
    """Writes steps, bars and results; one instance per command."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None, quiet: bool = False) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._quiet = quiet
        self._live = self._err.isatty()
        self._colour = self._live and "NO_COLOR" not in os.environ
        self._drawn = ""
        self._drawn_at = 0.0

    def result(self, text: str) -> None:
        """One line of what was asked for, on stdout."""
        self._clear()
        self._out.write(text + "\n")
        self._out.flush()

    def step(self, text: str) -> None:
        """One line about the work, on stderr."""
        if self._quiet:
            return
        self._clear()
        self._err.write(text + "\n")
        self._err.flush()

    def error(self, sentence: str) -> None:
        """The sentence of a failure, on stderr, even when quiet."""
        self._clear()
        label = "\x1b[31merror:\x1b[0m" if self._colour else "error:"
        self._err.write(f"{label} {sentence}\n")
        self._err.flush()

    def progress(self, what: str, done: int, total: int) -> None:
        """Redraw the bar of `what`, in bytes or (below a million) steps; at most ten times a second and at the end."""
        if self._quiet or not self._live:
            return
        now = time.monotonic()
        if done < total and now - self._drawn_at < REDRAW_S:
            return
        self._drawn_at = now
        share = min(1.0, done / total) if total else 1.0
        full = round(BAR_WIDTH * share)
        bar = "█" * full + "░" * (BAR_WIDTH - full)
        amount = f"{total / 1e6:,.0f} MB" if total >= 1e6 else f"{total:,}"
        self._drawn = f"{what[:40]:<40} {bar} {share:4.0%} of {amount}"
        self._err.write("\r\x1b[K" + self._drawn)
        if done >= total:
            self._clear()
        self._err.flush()

    def _clear(self) -> None:
        if self._drawn:
            self._err.write("\r\x1b[K")
            self._drawn = ""
