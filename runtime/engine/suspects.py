"""Requests that may kill a worker: after two deaths a request of the same content is refused unseen.

Only native faults count, and only when one request alone can have caused it: the one that native
code was just seeing for the first time, or the only one that ran. What is remembered is a
hash under a key that ends with the process, so nothing of a prompt is kept.
"""

import hashlib
import os
from collections import OrderedDict

import msgspec

from runtime.engine.protocol import Generate, Request, frame

DEATHS_TO_REFUSE = 2
MAX_REMEMBERED = 256


class Suspects:
    """How many deaths each suspected content has caused; the least recently blamed are forgotten first."""

    def __init__(self) -> None:
        self._key = os.urandom(16)
        self._deaths: OrderedDict[bytes, int] = OrderedDict()

    def blame(self, request: Request) -> None:
        """The worker died of a fault, and only this request can have caused it."""
        content = self._fingerprint(request)
        self._deaths[content] = self._deaths.pop(content, 0) + 1
        if len(self._deaths) > MAX_REMEMBERED:
            self._deaths.popitem(last=False)

    def clear(self, request: Request) -> None:
        """The request was answered, so its content is harmless."""
        if self._deaths:
            self._deaths.pop(self._fingerprint(request), None)

    def refuses(self, request: Request) -> bool:
        """Whether the content has caused too many deaths to be tried again."""
        return bool(self._deaths) and self._deaths.get(self._fingerprint(request), 0) >= DEATHS_TO_REFUSE

    def _fingerprint(self, request: Request) -> bytes:
        """The same for the same content: neither its id nor its seed matters."""
        content = msgspec.structs.replace(request, id=0)
        if isinstance(content, Generate):
            sampling = msgspec.structs.replace(content.sampling, seed=0)
            content = msgspec.structs.replace(content, sampling=sampling)
        return hashlib.blake2b(frame(content), digest_size=16, key=self._key).digest()
