"""`--api-prefix`: every address begins with it, the page's too, and nothing is left without."""

from collections.abc import Callable

import pytest

from runtime.server.page import FILES
from tests.runtime.server.live import Live, ScriptedEngine

HI = {"messages": [{"role": "user", "content": "hi"}]}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
BROWSER = {"Accept": "text/html"}


@pytest.fixture
def below(start: Callable[..., Live]) -> Live:
    return start(ScriptedEngine(), prefix="/my/llm", keys=("sesame",))


def test_the_api_is_there_and_nowhere_else(below: Live) -> None:
    key = {"Authorization": "Bearer sesame"}
    assert below.request("POST", "/my/llm/v1/chat/completions", HI, key).status == 200
    assert below.get("/my/llm/v1/models", key).status == 200
    for path in ("/v1/models", "/props", "/", "/app.js", "/my/v1/models", "/my/llmv1/models"):
        assert below.get(path, key).status == 404, path


def test_page_and_health_ask_for_no_key(below: Live) -> None:
    for path in [*FILES, "/health", "/v1/health"]:
        assert below.get(f"/my/llm{path}", BROWSER).status == 200, path
    for path in ("/health", "/my/llm/props", "/my/llm/v1/models"):
        assert below.get(path).status == 401, path


def test_the_page_names_no_address_from_the_root(below: Live) -> None:
    for name in FILES:
        text = below.get(f"/my/llm{name}", BROWSER).body.decode()
        for begin in ('href="/', 'src="/', 'fetch("/', 'ask("/', ' get("/', 'api.get("/', 'from "/', "url(/"):
            assert begin not in text, name


def test_without_the_slash_it_leads_there(below: Live) -> None:
    reply = below.get("/my/llm", {"Authorization": "Bearer sesame"})
    assert (reply.status, reply.headers["Location"]) == (308, "/my/llm/")


def test_a_link_leads_to_the_page(below: Live) -> None:
    assert below.get("/my/llm/", {**LINK, **BROWSER}).status == 200
    assert below.get("/", {**LINK, **BROWSER}).status == 403
    assert below.get("/my/llm/v1/models", LINK).status == 403


def test_each_dialect_refuses_in_its_shape(below: Live) -> None:
    assert below.post("/my/llm/v1/messages", {}).json()["type"] == "error"
    assert isinstance(below.post("/my/llm/api/chat", {}).json()["error"], str)
    assert below.post("/my/llm/completion", {}).json()["error"]["code"] == 401


def test_the_description_names_them(below: Live) -> None:
    paths = below.get("/my/llm/openapi.json", {"X-Api-Key": "sesame"}).json()["paths"]
    assert "/my/llm/v1/chat/completions" in paths
    assert all(path.startswith("/my/llm") for path in paths)
