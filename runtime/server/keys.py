"""Who may use the server: those who present one of its API keys.

One function decides for every spelling (`Authorization: Bearer`, `X-Api-Key`, `Api-Key`): two
places would one day disagree. Keys are kept as hashes and compared in constant time.

Guessing is bounded: after `limits.WRONG_KEYS_PER_S` wrong keys within a second an address gets
429s, whatever it presents, until the budget has grown again: if right keys passed all the same,
guessing would not be slower. Programs on this computer, and so all clients of a proxy there, are one
address. The table of addresses is bounded, too, and forgets first who was heard of longest ago.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import CIMultiDictProxy

from runtime.server import limits
from runtime.server.connections import CONNECTION
from runtime.server.problem import Problem, busy

HEADERS = ("X-Api-Key", "Api-Key")
"""Those that hold a key and nothing else: Anthropic's and llama.cpp's, Azure's."""


class Keys:
    """The accepted keys; with none, everybody may come in."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def accept(self, presented: Iterable[str]) -> bool:
        """Whether one of these keys is one of ours; takes the same time for every wrong one."""
        return sum(hmac.compare_digest(_digest(key), ours) for key in presented for ours in self._digests) > 0


class Budget:
    """How many wrong keys each address may present now."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}
        """By address: the budget when it was last looked at, and that time; the oldest first."""

    def left(self, address: str, now: float) -> float:
        """At most one second's worth."""
        left, since = self._left.get(address, (float(limits.WRONG_KEYS_PER_S), now))
        return min(limits.WRONG_KEYS_PER_S, left + (now - since) * limits.WRONG_KEYS_PER_S)

    def spend(self, address: str, now: float) -> None:
        """Note a wrong key."""
        left = self.left(address, now)
        self._left.pop(address, None)
        self._left[address] = left - 1, now
        if len(self._left) > limits.MAX_WATCHED_ADDRESSES:
            del self._left[next(iter(self._left))]


KEYS = web.AppKey("keys", Keys)
BUDGET = web.AppKey("budget", Budget)
OPEN_PATHS = web.AppKey("open_paths", frozenset)
"""What may be read without a key: the page and the health check."""


@web.middleware
async def keyed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the request through if it needs no key or has one."""
    is_open = request.method in ("GET", "HEAD") and request.path in request.app[OPEN_PATHS]
    if request.app[KEYS] and not is_open:
        _check(request)
    return await handler(request)


def _check(request: web.Request) -> None:
    presented = _presented(request.headers)
    budget, address, now = request.app[BUDGET], request[CONNECTION].group, asyncio.get_running_loop().time()
    if presented and budget.left(address, now) < 1:
        raise busy("There were too many wrong API keys from this address.")
    if request.app[KEYS].accept(presented):
        return
    if presented:
        budget.spend(address, now)
    raise Problem(401, "authentication_error", "Invalid API Key", headers={"WWW-Authenticate": "Bearer"})


def _presented(headers: CIMultiDictProxy[str]) -> list[str]:
    """Every key of a request, however it is spelled; clients that have none send an empty one."""
    presented = [key for name in HEADERS for key in headers.getall(name, [])]
    for value in headers.getall("Authorization", []):
        scheme, _, key = value.partition(" ")
        if scheme.lower() == "bearer":
            presented.append(key.strip())
    return [key for key in presented if key]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
