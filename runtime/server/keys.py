"""Who may use the server: API keys, where they come from and how one is presented.

One function decides for every spelling (`Authorization: Bearer`, `X-Api-Key`): two
places would one day disagree. Keys are kept as hashes and compared in constant time.

What is not covered: guessing. A key of your own should be long; there is no lock-out.
"""

import hashlib
import hmac
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import CIMultiDictProxy

from runtime.errors import UsageError
from runtime.server.problem import Problem

ENVIRONMENT = "LMFILE_API_KEY"
MAX_FILE_BYTES = 64 << 10


def gather_keys(given: str | None, file: str | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of --api-key (several with commas), --api-key-file and LMFILE_API_KEY.

    Raises: UsageError when the file cannot be read, holds no key, or others may read it.
    """
    keys = [*(given or "").split(","), environ.get(ENVIRONMENT, "")]
    if file is not None:
        keys += _read(Path(file))
    return tuple(dict.fromkeys(key.strip() for key in keys if key.strip()))


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
"""What needs neither a key nor a loaded model: the page and the health check."""


@web.middleware
async def keyed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the request through if it needs no key or has one."""
    keys = request.app[KEYS]
    if keys and request.path not in request.app[OPEN_PATHS] and not keys.accept(request.headers):
        raise Problem(401, "authentication_error", "Invalid API Key", headers={"WWW-Authenticate": "Bearer"})
    return await handler(request)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _read(path: Path) -> list[str]:
    doing = f"Reading the API keys in `{path}`"
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_FILE_BYTES + 1)
        lines = content.decode("utf-8").split()
    except OSError as error:
        raise UsageError(f"{doing}: {error.strerror}; check the path.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{doing}: this is not a text file; write one key per line.") from error
    if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{doing}: other users may read the file; run `chmod 600 {path}`.")
    if not lines or len(content) > MAX_FILE_BYTES:
        raise UsageError(f"{doing}: it holds no key, or is too long; write one key per line.")
    return lines
