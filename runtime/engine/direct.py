"""A blocking client for one-shot and terminal use: no asyncio, so that it starts fast.

    worker = launch(config)
    client = DirectClient(worker)
    for event in client.generate(request): ...    # may be called before the model is loaded
    client.close()

Waits in short turns, so that a signal's handler is run on every system: `interrupt` is made for one.
Does not know: the terminal, the model.
"""

import select
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress

import msgspec

from runtime.engine.launch import Worker
from runtime.engine.protocol import (
    Admitting,
    Cancel,
    Command,
    Event,
    Failed,
    Finished,
    Generate,
    Loading,
    ModelFacts,
    Ready,
    Refused,
    Shutdown,
    frame,
)
from runtime.engine.protocol import event as decode
from runtime.engine.wire import Frames, FrameTooLong
from runtime.errors import EngineDied, EngineRefused, LmfileError, OutOfMemory

RECEIVE_BYTES = 1 << 16
LAST_MOMENTS_S = 2.0
LOOK_EVERY_S = 0.1
"""How soon an interrupt is heeded while nothing comes."""


class DirectClient:
    """One worker, one request at a time, no restart.

    It waits for the model as long as the model takes; what ends the wait is the worker's end.
    """

    facts: ModelFacts | None

    def __init__(self, worker: Worker, on_progress: Callable[[float], None] | None = None) -> None:
        self.facts = None
        self._worker = worker
        self._on_progress = on_progress
        self._frames = Frames()
        self._arrived: deque[Event] = deque()
        self._last_id = 0
        self._n_interrupts = 0
        self._cancellable: int | None = None

    def wait_ready(self) -> ModelFacts:
        """Wait until the model is loaded. Raises: EngineRefused, EngineDied; KeyboardInterrupt after `interrupt`."""
        self._n_interrupts = 0
        while self.facts is None:
            self._receive()
            self._heed()
        return self.facts

    def new_id(self) -> int:
        """Return an id for the next `Generate`."""
        self._last_id += 1
        return self._last_id

    def generate(self, request: Generate) -> Generator[Event, None, None]:
        """Yield `Started`, `Delta`…, then one `Finished` or `Failed`; closing it cancels the request.

        After `interrupt` it ends with `Finished` whose reason is cancelled.

        Raises: EngineRefused when the model cannot be loaded, EngineDied when the worker ends.
        """
        self._n_interrupts = 0
        self._send(request)
        self._cancellable = request.id
        ended = False
        try:
            while not ended:
                event = self._next()
                if getattr(event, "id", None) == request.id:
                    ended = isinstance(event, Finished | Failed)
                    yield event
        finally:
            self._cancellable = None
            if not ended and self._worker.poll() is None:
                self._send(Cancel(request.id))

    def interrupt(self) -> None:
        """Stop the running answer, or the wait for the model; asked twice, end the worker. For handlers of signals."""
        self._n_interrupts += 1

    def close(self, grace_s: float = 2.0) -> None:
        """End the worker: ask, wait at most `grace_s` seconds, then kill. Idempotent."""
        if self._worker.poll() is None:
            with suppress(OSError):  # it may be ending already
                self._worker.connection.sendall(frame(Shutdown()))
            if self._worker.wait(grace_s) is None:
                self._worker.kill()
                self._worker.wait(LAST_MOMENTS_S)
        self._worker.close()

    def _send(self, command: Command) -> None:
        try:
            self._worker.connection.sendall(frame(command))
        except OSError as error:
            raise self._died() from error

    def _next(self) -> Event:
        self._heed()
        while not self._arrived:
            self._receive()
        return self._arrived.popleft()

    def _receive(self) -> None:
        """Wait for bytes; keep the events of requests, and deal with what tells about the model."""
        while not select.select([self._worker.connection], [], [], LOOK_EVERY_S)[0]:
            self._heed()
        try:
            data = self._worker.connection.recv(RECEIVE_BYTES)
            events = [decode(body) for body in self._frames.feed(data)]
        except (OSError, FrameTooLong, msgspec.MsgspecError) as error:
            self._worker.kill()
            raise self._died() from error
        if not data:
            raise self._died()
        for event in events:
            if isinstance(event, Refused):
                raise EngineRefused(event.message, event.exit_code)
            if isinstance(event, Ready):
                self.facts = event.facts
            elif isinstance(event, Loading):
                if self._on_progress:
                    self._on_progress(event.fraction)
            elif not isinstance(event, Admitting):  # of use to whoever would start another worker
                self._arrived.append(event)

    def _heed(self) -> None:
        """Do what was asked for by `interrupt`; here, since a handler may come up in the middle of anything."""
        if not self._n_interrupts:
            return
        if self._cancellable is not None:
            self._send(Cancel(self._cancellable))
            self._cancellable, self._n_interrupts = None, 0
        elif self.facts is None:
            raise KeyboardInterrupt
        else:
            self._worker.kill("it was ended because it did not stop")

    def _died(self) -> LmfileError:
        self._worker.wait(LAST_MOMENTS_S)
        if self._worker.lacked_memory():
            return OutOfMemory("Running the engine: there is too little memory; close other programs.")
        return EngineDied(f"Running the engine: {self._worker.death().text}; start it again, or try another model.")
