"""What SIGINT, SIGTERM and SIGHUP do: end the program at once, unless somebody can do better.

A handler that raises is no way to end: the exception is lost when it comes up in a destructor or
while an extension module is imported (one start in 500), and the program goes on. The server has
handlers of its own (runtime/server/stop.py).
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

HANG_UP = getattr(signal, "SIGHUP", None)
"""The terminal has gone; Windows has no such signal."""

Handler = Callable[[int, FrameType | None], None]


def end_at_once(*steps: Callable[[], None]) -> None:
    """From now on, take these last steps and end with 130 or 143, or 129 when the terminal has gone."""

    def end(number: int, _frame: FrameType | None) -> None:
        try:
            for step in steps:
                with suppress(RuntimeError):  # of a stream that is just being written to
                    step()
        finally:
            os._exit(128 + number)

    _handle(end, end)


@contextmanager
def interrupts(handle: Callable[[], object]) -> Iterator[None]:
    """Inside, Ctrl-C means this and not the end of the program, unless somebody protects us from Ctrl-C."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, lambda _number, _frame: handle())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _handle(interrupt: Handler, terminate: Handler) -> None:
    signal.signal(signal.SIGTERM, terminate)
    if HANG_UP is not None and signal.getsignal(HANG_UP) is not signal.SIG_IGN:  # as `nohup` has it
        signal.signal(HANG_UP, terminate)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # else somebody protects us from it
        signal.signal(signal.SIGINT, interrupt)
