"""Asks a server for a file: redirects, credentials, and what an answer's status and head mean.

Secrets in addresses (`user:password@`, a query) reach the server they are for and no message. An `Authorization`
header goes to the origin it was given for, not to where that redirects.
"""

import base64
import http.client
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from email.message import Message
from functools import cache
from http import HTTPStatus
from typing import IO, NamedTuple

from runtime.errors import DownloadFailed
from runtime.version import VERSION

MAX_REDIRECTS = 10
STALL_S = 30.0
PASSING = {408, 425, 429, 500, 502, 503, 504}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(?:(\d{1,18})|\*)")


class Visit(NamedTuple):
    """An address without credentials, what messages call it, and headers for its own origin only."""

    address: str
    shown: str
    secrets: Mapping[str, str] = {}


class Nonsense(http.client.HTTPException):
    """The head of an answer does not fit what was asked; `str` says how."""


class Refused(DownloadFailed):
    """The server answered, but not with the file. code: what a hub says of it."""

    def __init__(self, shown: str, status: int, headers: Message) -> None:
        self.status = status
        self.code = headers.get("X-Error-Code", "")
        retry_after = headers.get("Retry-After", "")
        self.wait_s = float(retry_after) if re.fullmatch(r"\d{1,6}", retry_after) else 0.0
        self.is_passing = status in PASSING
        phrase = http.client.responses.get(status, "unknown")
        super().__init__(shown, f"the server answered {status} ({phrase})", _advice(status))


def visit(address: str) -> Visit:
    """`address` with its credentials apart. Raises: ValueError when it is no address."""
    parts = urllib.parse.urlsplit(address)
    if not parts.hostname or parts.port == 0:
        raise ValueError("it names no server")
    host = parts.netloc.rpartition("@")[2]
    bare = urllib.parse.urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
    shown = urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", ""))
    if parts.username is None:
        return Visit(bare, shown)
    pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
    return Visit(bare, shown, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"})


def get(wanted: Visit, headers: Mapping[str, str], method: str = "GET") -> http.client.HTTPResponse:
    """The answer, its body not yet read, after redirects.

    Raises: Refused, DownloadFailed; urllib.error.URLError, HTTPException and OSError for what the network did.
    """
    address = wanted.address
    for _ in range(MAX_REDIRECTS + 1):
        own = wanted.secrets if _origin(address) == _origin(wanted.address) else {}
        about = {"User-Agent": f"lmfile/{VERSION}", "Accept-Encoding": "identity"}
        request = urllib.request.Request(address, headers={**about, **headers, **own}, method=method)
        try:
            answer: http.client.HTTPResponse = _opener().open(request, timeout=STALL_S)
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in (301, 302, 303, 307, 308):
                    raise Refused(wanted.shown, error.code, error.headers) from error
                address = _next(address, error.headers.get("Location", ""), wanted.shown)
        else:
            return answer
    raise DownloadFailed(wanted.shown, f"the server redirects more than {MAX_REDIRECTS} times", "check the address")


def extent(answer: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Where the body of an answer begins in the file, and the size of the file, where the server says it.

    Raises: Nonsense.
    """
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if not found:
            raise Nonsense("the server does not say which part it sends")
        return int(found[1]), int(found[3]) if found[3] else None
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise Nonsense("the server compresses the file, which nobody asked for")
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if re.fullmatch(r"\d{1,18}", length) else None


def reason(error: Exception) -> str:
    """What happened on the network, in words without an address."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        return reason(error.reason)
    if isinstance(error, Nonsense):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"the server sent nothing for {STALL_S:.0f} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not valid ({error.verify_message})"
    if isinstance(error, http.client.IncompleteRead | http.client.RemoteDisconnected | ConnectionResetError):
        return "the server ended the connection"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (
        "the server's answer makes no sense" if isinstance(error, http.client.HTTPException) else "the network failed"
    )


def is_loopback(address: str) -> bool:
    """Whether its server is this computer."""
    return (urllib.parse.urlsplit(address).hostname or "") in LOOPBACK


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to `get`: urllib's own would send every header to any server, and read bodies without end."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        return None


@cache
def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirects)


def _next(address: str, location: str, shown: str) -> str:
    """Where a redirect leads: to HTTPS, or on the same plain server. Raises: DownloadFailed."""
    target = urllib.parse.urljoin(address, location)
    before, after = urllib.parse.urlsplit(address), urllib.parse.urlsplit(target)
    is_plain_as_before = after.scheme == before.scheme == "http" and (
        after.hostname == before.hostname or (is_loopback(address) and is_loopback(target))
    )
    if not location or not after.hostname or not (after.scheme == "https" or is_plain_as_before):
        where = f"to {after.scheme}://{after.hostname}" if location and after.hostname else "nowhere"
        raise DownloadFailed(shown, f"the server redirects {where}, which is not followed", "ask its publisher")
    return urllib.parse.urlunsplit(after._replace(fragment=""))


def _origin(address: str) -> tuple[str, str, int | None]:
    parts = urllib.parse.urlsplit(address)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _advice(status: int) -> str:
    if status in (401, 403):
        return "check that you may download it, and your credentials"
    return "try again later" if status in PASSING else "check the address"
