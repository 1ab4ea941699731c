"""The worker's end of the socket: events out from any thread, commands in on a thread of its own."""

import os
import socket
from collections.abc import Sequence
from threading import Lock
from typing import NoReturn

import msgspec

from runtime.engine.inbox import Inbox
from runtime.engine.protocol import (
    Cancel,
    Command,
    Conversion,
    Event,
    Failed,
    Request,
    Shutdown,
    command,
    frame,
)
from runtime.engine.wire import Frames, FrameTooLong
from runtime.errors import EngineFailed

RECEIVE_BYTES = 1 << 16


class Link:
    """Carries events to the front, and the front's commands to two inboxes.

    inbox: what the step loop computes. questions: what only needs the vocabulary.

    The front may take its time (a stopped terminal job reads nothing for hours): a send
    waits until it reads, or until it is gone and the process with it.
    """

    def __init__(self, connection: socket.socket, max_queue: int) -> None:
        self.inbox = Inbox(max_queue)
        self.questions = Inbox(max_queue)
        self.is_serving = False
        self._connection = connection
        self._lock = Lock()

    def send(self, events: Sequence[Event]) -> None:
        """Send `events` with one system call. Raises: OSError when the front is gone."""
        if events:
            with self._lock:
                self._connection.sendall(b"".join(map(frame, events)))

    def listen(self) -> NoReturn:
        """Obey commands until the front is gone, then end the process at once.

        Nothing is worth a delay then: the model is only mapped, and nobody waits for an answer.
        """
        try:
            frames = Frames()
            while data := self._connection.recv(RECEIVE_BYTES):
                for body in frames.feed(data):
                    self._obey(command(body))
        except (OSError, FrameTooLong, msgspec.MsgspecError):
            os._exit(EngineFailed.exit_code)
        os._exit(0)

    def _obey(self, order: Command) -> None:
        if isinstance(order, Cancel):
            for inbox in (self.inbox, self.questions):
                inbox.cancel(order.id)
        elif not isinstance(order, Shutdown):
            self._submit(order)
        elif self.is_serving:
            self.inbox.stop()
        else:
            os._exit(0)  # still loading: native code would finish that first

    def _submit(self, order: Request) -> None:
        inbox = self.questions if isinstance(order, Conversion) else self.inbox
        if not inbox.submit(order):
            message = f"{inbox.max_waiting} requests are waiting already; try again later"
            self.send([Failed(id=order.id, kind="busy", message=message)])
