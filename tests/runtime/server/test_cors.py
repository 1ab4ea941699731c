"""Whose pages may use the server besides its own: those of `--cors-origin`, and without the flag nobody's."""

from collections.abc import Callable

import pytest

from tests.runtime.server.live import Live

APP = "https://app.example"
PREFLIGHT = {
    "Origin": APP,
    "Sec-Fetch-Site": "cross-site",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
}
ASK = {"Origin": APP, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
BODY = {"prompt": "x"}


@pytest.fixture
def open_to_app(start: Callable[..., Live]) -> Live:
    return start(cors_origins=(APP, "http://localhost:5173"))


def test_a_preflight_is_answered_without_a_key(start: Callable[..., Live]) -> None:
    server = start(cors_origins=(APP,), keys=("secret",))
    reply = server.request("OPTIONS", "/v1/chat/completions", None, PREFLIGHT)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["Access-Control-Allow-Origin"] == APP
    assert reply.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST, DELETE"
    assert reply.headers["Access-Control-Allow-Headers"] == PREFLIGHT["Access-Control-Request-Headers"]
    assert reply.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in reply.headers
    assert "Access-Control-Allow-Private-Network" not in reply.headers


def test_a_public_page_may_be_let_into_a_private_network(open_to_app: Live) -> None:
    asked = {**PREFLIGHT, "Access-Control-Request-Private-Network": "true"}
    reply = open_to_app.request("OPTIONS", "/completion", None, asked)
    assert reply.headers["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize("stream", [True, False])
def test_an_allowed_page_reads_its_answer(open_to_app: Live, stream: bool) -> None:
    reply = open_to_app.request("POST", "/completion", {**BODY, "stream": stream}, ASK)
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == APP
    assert "X-Request-Id" in reply.headers["Access-Control-Expose-Headers"]
    assert reply.headers["Vary"] == "Origin"


def test_it_reads_refusals_too(start: Callable[..., Live]) -> None:
    server = start(cors_origins=(APP,), keys=("secret",))
    for path, status in (("/completion", 401), ("/nowhere", 401)):
        reply = server.request("POST", path, BODY, ASK)
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (status, APP)


def test_it_sends_json_as_every_browser_does(open_to_app: Live) -> None:
    reply = open_to_app.request("POST", "/completion", b'{"prompt": "x"}', {**ASK, "Content-Type": "text/plain"})
    assert reply.status == 415
    assert open_to_app.engine.asked == []


@pytest.mark.parametrize(
    "origin",
    ["http://app.example", "https://app.example:444", "https://app.example.evil", "https://evil.app.example",
     "https://APP.example", "https://app.example/", "null", "", "http://localhost:5174"],
)  # fmt: skip
def test_other_pages_are_refused(open_to_app: Live, origin: str) -> None:
    for method in ("OPTIONS", "POST", "GET"):
        body = BODY if method == "POST" else None
        reply = open_to_app.request(method, "/completion", body, {**PREFLIGHT, "Origin": origin})
        assert reply.status == 403, method
        assert "Access-Control-Allow-Origin" not in reply.headers
        assert reply.headers["Vary"] == "Origin"
    assert open_to_app.engine.asked == []


def test_a_rebound_name_is_refused_even_with_an_allowed_origin(open_to_app: Live) -> None:
    reply = open_to_app.request("POST", "/completion", BODY, {**ASK, "Host": f"evil.example:{open_to_app.port}"})
    assert reply.status == 403


def test_every_page_with_a_key(start: Callable[..., Live]) -> None:
    server = start(cors_origins=("*",), keys=("secret",))
    for origin in ("https://any.example", "null"):
        asked = {**ASK, "Origin": origin}
        assert server.request("OPTIONS", "/completion", None, {**PREFLIGHT, "Origin": origin}).status == 204
        assert server.request("POST", "/completion", BODY, asked).status == 401
        reply = server.request("POST", "/completion", BODY, {**asked, "Authorization": "Bearer secret"})
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, origin)


def test_nobody_by_default(server: Live) -> None:
    for method in ("OPTIONS", "POST"):
        reply = server.request(method, "/completion", BODY if method == "POST" else None, PREFLIGHT)
        assert reply.status == 403
        assert not any(name.lower().startswith("access-control") for name in reply.headers)
        assert "Vary" not in reply.headers


def test_a_plain_options_request_has_no_meaning_of_its_own(open_to_app: Live) -> None:
    assert open_to_app.request("OPTIONS", "/completion", None, {"Origin": APP}).status == 405
