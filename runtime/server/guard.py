"""Keeps other web pages away: none can read from this server or start work on it, in any browser, with no key set.

Four headers decide, in this order:

1. `Host` must be one of this server's own names, compared as a whole string. A page can
   make a public name resolve to 127.0.0.1 (DNS rebinding), but not an address literal.
   Nothing is parsed: urlsplit takes `attacker@localhost` and `127.0.0.1:8080,evil.com` for local.
2. `Sec-Fetch-Site`, which no script can forge: same-origin, or typed by the user, or a link
   from elsewhere to the page itself.
3. `Origin`, for browsers that do not send the former: one of this server's own, never `null`.
4. `Content-Type` of a POST from a browser: JSON, which no plain form can send.

A client that sends neither 2 nor 3 is no browser, and passes: curl, SDKs, scripts.

What is not covered: programs on this computer, and a network beyond it: that is what keys are for.
Source: the algorithm of Go 1.25's http.CrossOriginProtection.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server.problem import Problem, forbidden

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
HTTP_PORT = 80
PAGE = "/"


@dataclass(frozen=True)
class Guard:
    """The names this server answers to, lower case, each with its port."""

    hosts: frozenset[str]

    def check(self, method: str, path: str, headers: Mapping[str, str], local_address: str) -> None:
        """Raise the Problem of a request that may come from a foreign page.

        local_address: the address of this end of the connection, `ip:port`. A browser that
        names it does not use a name that somebody else controls.
        """
        host = headers.get("Host", "").lower()
        if not host or (host not in self.hosts and host != local_address):
            raise forbidden(
                f"This server does not answer to the name `{host[:100]}`; start it with --allow-host to add one."
            )
        if not _from_here(method, path, headers, host):
            raise forbidden("Another web page may not use this server.")
        if method == "POST" and _is_browser(headers) and not _is_json(headers):
            raise Problem(415, "invalid_request_error", "A browser must send its request as application/json.")


def guard_for(port: int, extra: Iterable[str] = ()) -> Guard:
    """Return the guard of a server on `port`; `extra` are further `name:port` it answers to."""
    hosts = {f"{name}:{port}" for name in LOCAL_NAMES} | {host.lower() for host in extra}
    if port == HTTP_PORT:
        hosts |= set(LOCAL_NAMES)
    return Guard(frozenset(hosts))


GUARD = web.AppKey("guard", Guard)


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the request through if its headers allow it."""
    if not request.raw_path.startswith("/"):
        raise forbidden("The address of a request must be a path.")
    request.app[GUARD].check(request.method, request.path, request.headers, _local_address(request))
    return await handler(request)


def _local_address(request: web.Request) -> str:
    name = request.get_extra_info("sockname")
    if not name:
        return ""
    ip, port = name[0].partition("%")[0], name[1]
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _from_here(method: str, path: str, headers: Mapping[str, str], host: str) -> bool:
    site = headers.get("Sec-Fetch-Site")
    if site is None:
        origin = headers.get("Origin")
        return origin is None or origin in (f"http://{host}", f"https://{host}")
    # From another site only a link to the page itself: a new document, nothing that can be read.
    is_link = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    return site in ("same-origin", "none") or (
        site in ("cross-site", "same-site") and is_link and method == "GET" and path == PAGE
    )


def _is_browser(headers: Mapping[str, str]) -> bool:
    return "Sec-Fetch-Site" in headers or "Origin" in headers


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"
