"""The browser boundary as a whole: what a foreign page can make a browser send, times every kind of request.

Each goes over a socket to the real application; a middleware of the test, the innermost one,
counts what gets through. The rules themselves have their own table in test_guard.py.
"""

import http.client
from collections.abc import Iterator
from itertools import product

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server import app
from tests.runtime.server.live import Live, ScriptedEngine

Headers = dict[str, str]
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"}
FETCH = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
BODY = b'{"prompt": "x", "messages": [{"role": "user", "content": "x"}], "model": "m", "max_tokens": 1}'

ROUTES = ["/", "/app.js", "/health", "/v1/models", "/props", "/completion", "/v1/chat/completions", "/v1/messages",
          "/lora-adapters", "/openapi.json", "/assistant", "/icon", "/presence", "/quit", "/nowhere"]  # fmt: skip
REQUESTS: list[tuple[str, str | None]] = [
    *[(method, None) for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE")],
    ("POST", None),
    ("POST", "text/plain"),
    ("POST", "application/x-www-form-urlencoded"),
    ("POST", "multipart/form-data; boundary=x"),
    ("POST", "application/json"),
]

# What a browser says of itself when a foreign page is behind the request; {own} is the server's name and port.
FOREIGN: dict[str, Headers] = {
    "fetch": {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example", **FETCH},
    "fetch from another port": {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1", **FETCH},
    "fetch from another name": {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:1", **FETCH},
    "fetch from a secure page": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example", **FETCH},
    "fetch from a file": {"Sec-Fetch-Site": "cross-site", "Origin": "null", **FETCH},
    "fetch from a sandboxed frame of ours": {"Sec-Fetch-Site": "cross-site", "Origin": "null", **NAVIGATION},
    "fetch that claims our origin": {"Sec-Fetch-Site": "cross-site", "Origin": "http://{own}", **FETCH},
    "fetch without an origin": {"Sec-Fetch-Site": "cross-site", **FETCH},
    "no-cors": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"},
    "image": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "script": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
    "frame": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    "object": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"},
    "web socket": {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example", "Sec-Fetch-Mode": "websocket",
                   "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="},
    "preflight": {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST",
                  "Access-Control-Request-Headers": "content-type", "Access-Control-Request-Private-Network": "true"},
    "form": {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example", **NAVIGATION},
    "older browser": {"Origin": "http://evil.example"},
    "older browser, without an origin to name": {"Origin": "null"},
    "older browser, extension": {"Origin": "chrome-extension://abcdefgh"},
    "rebound name": {"Host": "evil.example:{port}", "Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example:{port}"},
    "rebound name, older browser": {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
    "rebound name, get": {"Host": "evil.example:{port}"},
    "rebound name, typed": {"Host": "evil.example:{port}", "Sec-Fetch-Site": "none", **NAVIGATION},
    "rebound name, link": {"Host": "evil.example:{port}", "Sec-Fetch-Site": "cross-site", **NAVIGATION},
    "rebound name that looks like ours": {"Host": "127.0.0.1:{port}.evil.example"},
    "another port of ours": {"Host": "127.0.0.1:1"},
    "no name": {"Host": ""},
}  # fmt: skip
LINK: Headers = {"Sec-Fetch-Site": "cross-site", **NAVIGATION}

OWN: dict[str, Headers] = {
    "curl": {"User-Agent": "curl/8", "Accept": "*/*"},
    "an SDK": {"User-Agent": "OpenAI/Python", "Authorization": "Bearer x", "X-Stainless-Lang": "python"},
    "Node.js": {"User-Agent": "node", "Sec-Fetch-Mode": "cors", "Accept-Language": "*"},
    "PowerShell": {"User-Agent": "Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1"},
    "Java": {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABk"},
    "another name": {"Host": "localhost:{port}"},
    "upper case": {"Host": "LOCALHOST:{port}"},
    "our page": {"Sec-Fetch-Site": "same-origin", "Origin": "http://{own}", **FETCH},
    "our page, get": {"Sec-Fetch-Site": "same-origin", **FETCH},
    "our page under another name": {"Host": "localhost:{port}", "Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:{port}"},
    "our page in an older browser": {"Origin": "http://{own}"},
    "our page behind somebody who speaks TLS": {"Origin": "https://{own}"},
    "typed by the user": {"Sec-Fetch-Site": "none", **NAVIGATION},
}  # fmt: skip


class Passed:
    """How many requests have got as far as a handler."""

    def __init__(self) -> None:
        self.requests = 0

    def middleware(self) -> web.middleware:  # type: ignore[valid-type]
        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.requests += 1
            return await handler(request)

        return count


@pytest.fixture(scope="module")
def passed() -> Passed:
    return Passed()


@pytest.fixture(scope="module")
def counting(passed: Passed) -> Iterator[Live]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "MIDDLEWARES", [*app.MIDDLEWARES, passed.middleware()])
        live = Live(ScriptedEngine(), quit_after_s=300.0)
    yield live
    live.close()


def send(connection: http.client.HTTPConnection, method: str, path: str, kind: str | None, headers: Headers) -> int:
    """The status of the answer; no answer may allow a page to read it."""
    own = f"{connection.host}:{connection.port}"
    sent = {"Host": own, **headers, **({"Content-Type": kind} if kind else {})}
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in sent.items():
        connection.putheader(name, value.replace("{own}", own).replace("{port}", str(connection.port)))
    has_body = method in ("POST", "PUT", "PATCH")
    if has_body:
        connection.putheader("Content-Length", str(len(BODY)))
    connection.endheaders(BODY if has_body else None)
    response = connection.getresponse()
    response.read()
    assert not any(name.lower().startswith("access-control") for name in response.headers), path
    return response.status


def is_link(method: str, path: str, headers: Headers) -> bool:
    """A new document with the page itself; nothing of it can be read from where the link was."""
    return (method, path) == ("GET", "/") and NAVIGATION.items() <= headers.items() and "Host" not in headers


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_nothing_of_a_foreign_page_gets_through(counting: Live, passed: Passed, headers: Headers) -> None:
    before = passed.requests
    connection = counting.connect()
    for path, (method, kind) in product(ROUTES, REQUESTS):
        if not is_link(method, path, headers):
            assert send(connection, method, path, kind, headers) == 403, (method, path, kind)
    connection.close()
    assert passed.requests == before
    assert counting.engine.asked == []


def test_a_link_leads_to_the_page_and_nowhere_else(counting: Live, passed: Passed) -> None:
    before = passed.requests
    connection = counting.connect()
    allowed = [
        (method, path)
        for path, (method, kind) in product(ROUTES, REQUESTS)
        if send(connection, method, path, kind, LINK) != 403
    ]
    connection.close()
    assert allowed == [("GET", "/")]
    assert passed.requests == before + 1


@pytest.mark.parametrize("headers", OWN.values(), ids=OWN)
def test_everybody_else_gets_through(counting: Live, passed: Passed, headers: Headers) -> None:
    before = passed.requests
    is_browser = "Origin" in headers or "Sec-Fetch-Site" in headers
    expected = 0
    connection = counting.connect()
    for path, (method, kind) in product(ROUTES, REQUESTS):
        status = send(connection, method, path, kind, headers)
        if is_browser and method == "POST" and kind != "application/json":
            assert status == 415, (method, path, kind)
        else:
            assert status not in (403, 415), (method, path, kind)
            expected += 1
    connection.close()
    assert passed.requests == before + expected


def test_there_are_many_of_them() -> None:
    assert len(FOREIGN) * len(ROUTES) * len(REQUESTS) > 3000
    assert len(OWN) * len(ROUTES) * len(REQUESTS) > 1000


def test_a_web_socket_of_ours_is_refused_in_words(counting: Live) -> None:
    reply = counting.get("/v1/models", {"Connection": "Upgrade", "Upgrade": "websocket"})
    assert (reply.status, "server-sent events" in reply.json()["error"]["message"]) == (400, True)
