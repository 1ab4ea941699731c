"""Being told to stop: the first time, finish what runs; the second time, end now."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
SIGNALS = [signal.Signals(getattr(signal, name)) for name in NAMES if hasattr(signal, name)]


class Stop:
    """Created inside the loop whose server it stops.

    signal: the first signal that asked, `None` when it was the program itself.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._asked = asyncio.Event()
        self._now = asyncio.Event()

    def ask(self, by: signal.Signals | None = None) -> None:
        """Ask once to finish, twice to end now."""
        if self._asked.is_set():
            self._now.set()
        else:
            self.signal = by
            self._asked.set()

    async def asked(self) -> None:
        """Return when somebody has asked."""
        await self._asked.wait()

    async def now(self) -> None:
        """Return when somebody has asked twice."""
        await self._now.wait()

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGINT, SIGTERM and the end of the terminal ask; puts the old handlers back."""
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            _handle(loop, number, self.ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                with contextlib.suppress(NotImplementedError):
                    loop.remove_signal_handler(number)
                signal.signal(number, handler)


def _handle(loop: asyncio.AbstractEventLoop, number: signal.Signals, ask: Callable[[signal.Signals], None]) -> None:
    try:
        loop.add_signal_handler(number, ask, number)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(ask, number))
