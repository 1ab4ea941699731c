"""Keeps other web pages away: none can read from this server or start work on it, in any browser, with no key set.

Four headers decide, in this order:

1. `Host` must be one of this server's own names, compared as a whole string. A page can
   make a public name resolve to 127.0.0.1 (DNS rebinding), but not an address literal.
   Nothing is parsed: urlsplit takes `attacker@localhost` and `127.0.0.1:8080,evil.com` for local.
   On a Unix socket any name will do: no browser gets there.
2. `Sec-Fetch-Site`, which no script can forge: same-origin, or typed by the user, or a link
   from elsewhere to the page itself.
3. `Origin`, for browsers that do not send the former: one of this server's own, never `null`.
   Those of `--cors-origin` are let in by either rule.
4. `Content-Type` of a POST from a browser: JSON, which no plain form can send.

A client that sends neither 2 nor 3 is no browser, and passes: curl, SDKs, scripts. Nor is one that
sends another `Sec-Fetch-` header alone: Node.js says `Sec-Fetch-Mode: cors` of every request.

What is not covered: programs on this computer, and a network beyond it: that is what keys are for.
Source: the algorithm of Go 1.25's http.CrossOriginProtection.
"""

from collections.abc import Iterable, Mapping

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server.cors import Origins
from runtime.server.problem import Problem, forbidden

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
DEFAULT_PORTS = {"http": 80, "https": 443}


class Guard(msgspec.Struct, frozen=True):
    """What belongs to this server.

    hosts: the names it answers to, lower case, each with its port. schemes: how its own pages are
    addressed; without TLS also https, for somebody in front of it may speak that. page: the path of the chat page.
    """

    hosts: frozenset[str]
    schemes: tuple[str, ...] = ("http", "https")
    page: str = "/"
    origins: Origins = msgspec.field(default_factory=Origins)

    def check(self, method: str, path: str, headers: Mapping[str, str], local_address: str | None) -> None:
        """Raise the Problem of a request that may come from a foreign page.

        local_address: the address of this end of the connection, `ip:port`; None: a Unix socket.
        A browser that names its address does not use a name that somebody else controls.
        """
        host = headers.get("Host", "").lower()
        if local_address is not None and (not host or (host not in self.hosts and host != local_address)):
            raise forbidden(
                f"This server does not answer to the name `{host[:100]}`; start it with --allow-host to add one."
            )
        if not self._from_here(method, path, headers, host):
            raise forbidden("Another web page may not use this server.")
        if method == "POST" and _is_browser(headers) and not _is_json(headers):
            raise Problem(415, "invalid_request_error", "A browser must send its request as application/json.")

    def _from_here(self, method: str, path: str, headers: Mapping[str, str], host: str) -> bool:
        site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
        if self.origins.allow(origin):
            return True
        if site is None:
            return origin is None or origin in [f"{scheme}://{host}" for scheme in self.schemes]
        # From another site only a link to the page itself: a new document, nothing that can be read.
        is_link = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
        return site in ("same-origin", "none") or (
            site in ("cross-site", "same-site") and is_link and method == "GET" and path == self.page
        )


def own_hosts(ports: Iterable[int], extra: Iterable[str], scheme: str) -> frozenset[str]:
    """The names of a server on `ports`; `extra` are further `name:port` it answers to."""
    hosts = {host.lower() for host in extra}
    for port in ports:
        hosts |= {f"{name}:{port}" for name in LOCAL_NAMES}
        if port == DEFAULT_PORTS[scheme]:
            hosts |= set(LOCAL_NAMES)
    return frozenset(hosts)


GUARD = web.AppKey("guard", Guard)


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the request through if its headers allow it."""
    if not request.raw_path.startswith("/"):
        raise forbidden("The address of a request must be a path.")
    request.app[GUARD].check(request.method, request.path, request.headers, _local_address(request))
    return await handler(request)


def _local_address(request: web.Request) -> str | None:
    name = request.get_extra_info("sockname")
    if not isinstance(name, tuple):  # a path
        return None if name is not None else ""
    ip, port = name[0].partition("%")[0], name[1]
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _is_browser(headers: Mapping[str, str]) -> bool:
    return "Sec-Fetch-Site" in headers or "Origin" in headers


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"
