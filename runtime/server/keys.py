"""Who may use the server: those who present one of its API keys.

One function decides for every spelling (`Authorization: Bearer`, `X-Api-Key`): two
places would one day disagree. Keys are kept as hashes and compared in constant time.

What is not covered: guessing. A key of your own should be long; there is no lock-out.
"""

import hashlib
import hmac
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import CIMultiDictProxy

from runtime.server.problem import Problem


class Keys:
    """The accepted keys; with none, everybody may come in."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def accept(self, headers: CIMultiDictProxy[str]) -> bool:
        """Whether one of the presented keys is one of ours; takes the same time for every wrong one."""
        presented = [*headers.getall("X-Api-Key", [])]
        for value in headers.getall("Authorization", []):
            scheme, _, key = value.partition(" ")
            if scheme.lower() == "bearer":
                presented.append(key.strip())
        return sum(hmac.compare_digest(_digest(key), ours) for key in presented for ours in self._digests) > 0


KEYS = web.AppKey("keys", Keys)
OPEN_PATHS = web.AppKey("open_paths", frozenset)
"""What may be read without a key: the page and the health check."""


@web.middleware
async def keyed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the request through if it needs no key or has one."""
    keys = request.app[KEYS]
    is_open = request.method in ("GET", "HEAD") and request.path in request.app[OPEN_PATHS]
    if keys and not is_open and not keys.accept(request.headers):
        raise Problem(401, "authentication_error", "Invalid API Key", headers={"WWW-Authenticate": "Bearer"})
    return await handler(request)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
