"""Which requests may come from a web page: a table of header combinations, on the rule and through a socket."""

import pytest

from runtime.server.guard import Guard, own_hosts
from runtime.server.problem import Problem
from tests.runtime.server.live import Live

OWN = "127.0.0.1:8080"
LOCAL_ADDRESS = "192.168.1.5:8080"
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
JSON = {"Content-Type": "application/json"}
UTF8 = {"Content-Type": "application/json; charset=utf-8"}
TWO = {"Content-Type": "text/plain, application/json"}


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard(own_hosts([8080], ["Box.local:8080"], "http"))


def verdict(guard: Guard, method: str, path: str, headers: dict[str, str]) -> int:
    """The status with which the guard ends the request; 200 when it lets it through."""
    try:
        guard.check(method, path, headers, LOCAL_ADDRESS)
    except Problem as problem:
        return problem.status
    return 200


GOOD_HOSTS = [OWN, "localhost:8080", "LOCALHOST:8080", "[::1]:8080", "box.local:8080", LOCAL_ADDRESS]
BAD_HOSTS = [
    "", ":8080", "evil.example:8080", "127.0.0.1", "localhost", "127.0.0.1:80", "127.0.0.1:99999", "127.0.0.1:8081",
    "127.0.0.1:8080,evil.com", "attacker@localhost:8080", "localhost:8080@evil.com", "localhost.evil.com:8080",
    "evil.com#localhost:8080", "localhost.:8080", "127.0.0.1.:8080", "0.0.0.0:8080", "127.1:8080", "2130706433:8080",
    "0x7f000001:8080", "127.0.0.2:8080", "[::1]evil:8080", "[::]:8080", "[::ffff:127.0.0.1]:8080", "::1:8080",
    "localhost:8080 ", "localhost: 8080", "localhost:08080", "box.local:80", "192.168.1.6:8080", "a" * 8000,
    "localhost:8080/", "localhost\\:8080", "lоcalhost:8080", "127.0.0.1%00:8080", "127.0.0.1:8080\t",
]  # fmt: skip


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_own_names_are_answered(guard: Guard, host: str) -> None:
    assert verdict(guard, "POST", "/completion", {"Host": host, **JSON}) == 200


@pytest.mark.parametrize("host", BAD_HOSTS)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/v1/models"), ("POST", "/completion")])
def test_foreign_names_are_not(guard: Guard, host: str, method: str, path: str) -> None:
    assert verdict(guard, method, path, {"Host": host, **JSON}) == 403


def test_a_request_without_host_is_refused_even_without_a_local_address(guard: Guard) -> None:
    with pytest.raises(Problem):
        guard.check("GET", "/", {}, "")


def test_port_80_is_named_by_no_port() -> None:
    assert verdict(Guard(own_hosts([80], [], "http")), "GET", "/", {"Host": "localhost"}) == 200


# method, path, headers besides Host, expected status
CASES: list[tuple[str, str, dict[str, str], int]] = [
    # no browser: neither Sec-Fetch-Site nor Origin
    ("GET", "/v1/models", {}, 200),
    ("POST", "/completion", {"Content-Type": "application/x-www-form-urlencoded"}, 200),
    ("POST", "/completion", {}, 200),
    ("POST", "/completion", {"Content-Type": "text/plain"}, 200),
    ("POST", "/completion", {"Referer": "http://evil.example/"}, 200),
    # a current browser
    ("GET", "/", {"Sec-Fetch-Site": "none", **LINK}, 200),
    ("GET", "/app.js", {"Sec-Fetch-Site": "same-origin"}, 200),
    ("POST", "/v1/chat/completions", {"Sec-Fetch-Site": "same-origin", **JSON}, 200),
    ("POST", "/v1/chat/completions", {"Sec-Fetch-Site": "same-origin", **UTF8}, 200),
    ("POST", "/v1/chat/completions", {"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"}, 415),
    ("POST", "/v1/chat/completions", {"Sec-Fetch-Site": "same-origin"}, 415),
    ("POST", "/v1/chat/completions", {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/jsonp"}, 415),
    ("POST", "/v1/chat/completions", {"Sec-Fetch-Site": "same-origin", **TWO}, 415),
    ("POST", "/completion", {"Sec-Fetch-Site": "cross-site", **JSON}, 403),
    ("POST", "/completion", {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}, 403),
    ("POST", "/completion", {"Sec-Fetch-Site": "same-site", **JSON}, 403),
    ("POST", "/completion", {"Sec-Fetch-Site": "cross-site", **LINK, **JSON}, 403),
    ("POST", "/", {"Sec-Fetch-Site": "cross-site", **LINK, **JSON}, 403),
    ("GET", "/v1/models", {"Sec-Fetch-Site": "cross-site"}, 403),
    ("GET", "/v1/models", {"Sec-Fetch-Site": "same-site"}, 403),
    ("GET", "/v1/models", {"Sec-Fetch-Site": "cross-site", **LINK}, 403),
    ("GET", "/health", {"Sec-Fetch-Site": "cross-site"}, 403),
    ("GET", "/app.js", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "script"}, 403),
    ("GET", "/icon.svg", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}, 403),
    ("GET", "/", {"Sec-Fetch-Site": "cross-site", **LINK}, 200),
    ("GET", "/", {"Sec-Fetch-Site": "same-site", **LINK}, 200),
    ("GET", "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
    ("GET", "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "document"}, 403),
    ("GET", "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ("GET", "/", {"Sec-Fetch-Site": "cross-site"}, 403),
    ("HEAD", "/", {"Sec-Fetch-Site": "cross-site", **LINK}, 403),
    ("OPTIONS", "/completion", {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, 403),
    ("OPTIONS", "/completion", {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}, 403),
    ("GET", "/", {"Sec-Fetch-Site": ""}, 403),
    ("GET", "/", {"Sec-Fetch-Site": "Same-Origin"}, 403),
    ("GET", "/", {"Sec-Fetch-Site": "same-origin, cross-site"}, 403),
    ("GET", "/", {"Sec-Fetch-Site": "unknown"}, 403),
    # Sec-Fetch-Site is what browsers cannot be made to lie about: it wins over Origin
    ("POST", "/completion", {"Sec-Fetch-Site": "cross-site", "Origin": f"http://{OWN}", **JSON}, 403),
    ("POST", "/completion", {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{OWN}", **JSON}, 200),
    # an older browser, or one that speaks to a plain-HTTP name of the network
    ("POST", "/completion", {"Origin": f"http://{OWN}", **JSON}, 200),
    ("POST", "/completion", {"Origin": f"https://{OWN}", **JSON}, 200),
    ("POST", "/completion", {"Origin": f"http://{OWN}"}, 415),
    ("POST", "/completion", {"Origin": f"http://{OWN}", "Content-Type": "application/x-www-form-urlencoded"}, 415),
    ("POST", "/completion", {"Origin": f"http://{OWN}", "Content-Type": "multipart/form-data; boundary=x"}, 415),
    ("POST", "/completion", {"Origin": "null", **JSON}, 403),
    ("POST", "/completion", {"Origin": "", **JSON}, 403),
    ("POST", "/completion", {"Origin": "file://", **JSON}, 403),
    ("POST", "/completion", {"Origin": "chrome-extension://abcdefgh", **JSON}, 403),
    ("POST", "/completion", {"Origin": "moz-extension://abcdefgh", **JSON}, 403),
    ("POST", "/completion", {"Origin": "http://evil.example:8080", **JSON}, 403),
    ("POST", "/completion", {"Origin": "http://127.0.0.1", **JSON}, 403),
    ("POST", "/completion", {"Origin": "http://127.0.0.1:8081", **JSON}, 403),
    ("POST", "/completion", {"Origin": "http://localhost:8080", **JSON}, 403),
    ("POST", "/completion", {"Origin": f"http://{OWN}.evil.example", **JSON}, 403),
    ("POST", "/completion", {"Origin": f"http://{OWN}/", **JSON}, 403),
    ("POST", "/completion", {"Origin": f"ftp://{OWN}", **JSON}, 403),
    ("POST", "/completion", {"Origin": OWN, **JSON}, 403),
    ("GET", "/v1/models", {"Origin": "http://evil.example"}, 403),
    ("GET", "/", {"Origin": "http://evil.example"}, 403),
    ("GET", "/v1/models", {"Origin": f"http://{OWN}"}, 200),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "headers", "expected"), CASES)
def test_browser_headers(guard: Guard, method: str, path: str, headers: dict[str, str], expected: int) -> None:
    assert verdict(guard, method, path, {"Host": OWN, **headers}) == expected


@pytest.mark.parametrize("path", ["/", "/app.js", "/health", "/props", "/v1/models", "/v1/models/tiny", "/completion",
                                  "/v1/chat/completions", "/v1/completions", "/nowhere"])  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE"])
def test_every_route_is_guarded(server: Live, method: str, path: str) -> None:
    body = {"prompt": "x", "messages": [{"role": "user", "content": "x"}]} if method == "POST" else None
    rebound = server.request(method, path, body, {"Host": f"evil.example:{server.port}"})
    crossed = server.request(method, path, body, {"Origin": "http://evil.example"})
    assert (rebound.status, crossed.status) == (403, 403)
    assert not any(name.lower().startswith("access-control") for name in {**rebound.headers, **crossed.headers})
    assert server.engine.asked == []


def test_the_refusal_says_how_to_allow_the_name(server: Live) -> None:
    refused = server.get("/v1/models", {"Host": "box.local:8080"}).json()["error"]
    assert refused["type"] == "permission_error"
    assert "`box.local:8080`" in refused["message"]
    assert "--allow-host" in refused["message"]


@pytest.mark.parametrize("target", ["http://evil.example/", "http://127.0.0.1/v1/models", "*"])
def test_only_paths_are_addresses(server: Live, target: str) -> None:
    answer = server.raw(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] in (b"403", b"400")


def test_a_name_of_any_bytes_is_refused_in_words(server: Live) -> None:
    answer = server.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.\xff1\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"`127.0.0.?1`" in answer


def test_two_hosts_are_refused(server: Live) -> None:
    answer = server.raw(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nHost: evil.example\r\n\r\n".encode())
    assert answer.split(b" ")[1] == b"400"


def test_a_request_as_curl_sends_it(server: Live) -> None:
    reply = server.post("/completion", b'{"prompt": "x"}', **{"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.status == 200
    assert reply.json()["content"] == "Hello there."
