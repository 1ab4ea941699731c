"""The asyncio transport of one worker's socket: frames to events, commands to frames."""

import asyncio
from collections.abc import Callable

import msgspec

from runtime.engine.launch import Worker
from runtime.engine.protocol import Command, Event, frame
from runtime.engine.protocol import event as decode
from runtime.engine.wire import Frames, FrameTooLong

WRITE_TIMEOUT_S = 30.0


class Connection(asyncio.Protocol):
    """Calls `receive` for each event, and `lost` once when the worker's end is closed."""

    def __init__(self, worker: Worker, receive: Callable[[Event], None], lost: Callable[[], None]) -> None:
        self._worker = worker
        self._receive = receive
        self._lost = lost
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._is_closed = False

    @classmethod
    async def open(cls, worker: Worker, receive: Callable[[Event], None], lost: Callable[[], None]) -> "Connection":
        """Attach `worker` to the running loop."""
        connection = cls(worker, receive, lost)
        worker.connection.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: connection, sock=worker.connection)
        return connection

    def send(self, command: Command) -> None:
        """Send a command; a worker that reads nothing for 30 s is killed."""
        if self._transport and not self._is_closed:
            self._transport.write(frame(command))

    def close(self) -> None:
        """Close the socket without calling `lost`. Idempotent."""
        self._is_closed = True
        self.resume_writing()
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                self._receive(decode(body))
        except (FrameTooLong, msgspec.MsgspecError):
            self._worker.kill("it sent what is no message")

    def connection_lost(self, error: Exception | None) -> None:
        self.resume_writing()
        if not self._is_closed:
            self._is_closed = True
            self._lost()

    def pause_writing(self) -> None:
        self._stuck = asyncio.get_running_loop().call_later(
            WRITE_TIMEOUT_S, self._worker.kill, f"it read nothing for {WRITE_TIMEOUT_S:.0f} seconds"
        )

    def resume_writing(self) -> None:
        if self._stuck:
            self._stuck.cancel()
            self._stuck = None
