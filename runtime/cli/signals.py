"""What SIGINT and SIGTERM do: end the program at once, unless somebody can do better.

A handler that raises is no way to end: the exception is lost when it comes up in a destructor or
while an extension module is imported (one start in 500), and the program goes on. The server has
handlers of its own (runtime/server/stop.py).
"""

import os
import signal
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


class Terminated(BaseException):
    """SIGTERM, for a program that has to put its terminal in order first."""


def end_at_once(*steps: Callable[[], None]) -> None:
    """From now on, take these last steps and end with 130 or 143."""

    def end(number: int, _frame: FrameType | None) -> None:
        try:
            for step in steps:
                step()
        finally:
            os._exit(128 + number)

    _handle(end, end)


def raise_them() -> None:
    """From now on, raise KeyboardInterrupt or Terminated in the main thread."""
    _handle(signal.default_int_handler, _terminate)


def _handle(interrupt: Handler, terminate: Handler) -> None:
    signal.signal(signal.SIGTERM, terminate)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # else somebody protects us from it
        signal.signal(signal.SIGINT, interrupt)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
