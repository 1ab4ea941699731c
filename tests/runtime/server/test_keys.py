"""API keys: where they come from, how they are presented, and that no route forgets them."""

import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from runtime.engine.client import EngineClient
from runtime.engine.fleet import Fleet, Model
from runtime.engine.routing import ModelEntry
from runtime.errors import UsageError
from runtime.server import limits
from runtime.server.app import create_app
from runtime.server.guard import Guard
from runtime.server.key_sources import gather_keys
from runtime.server.keys import OPEN_PATHS, Budget
from runtime.server.options import ServerOptions
from runtime.server.page import FILES
from tests.runtime.server.live import NO_MODEL, Live, ScriptedEngine

KEY = "correct-horse-battery-staple"
POST = {"prompt": "x", "messages": [{"role": "user", "content": "x"}]}

WRONG: dict[str, dict[str, str]] = {
    "none": {},
    "empty bearer": {"Authorization": "Bearer "},
    "bearer alone": {"Authorization": "Bearer"},
    "wrong": {"Authorization": "Bearer nonsense"},
    "prefix": {"Authorization": f"Bearer {KEY[:-1]}"},
    "suffix": {"Authorization": f"Bearer {KEY}x"},
    "case": {"Authorization": f"Bearer {KEY.upper()}"},
    "basic": {"Authorization": f"Basic {KEY}"},
    "no scheme": {"Authorization": KEY},
    "quoted": {"Authorization": f'Bearer "{KEY}"'},
    "two in one": {"Authorization": f"Bearer x, Bearer {KEY}"},
    "long": {"Authorization": "Bearer " + "x" * 8000},
    "not ascii": {"Authorization": "Bearer clé"},
    "empty x-api-key": {"X-Api-Key": ""},
    "wrong x-api-key": {"X-Api-Key": "nonsense"},
    "bearer in x-api-key": {"X-Api-Key": f"Bearer {KEY}"},
    "two": {"Authorization": "Bearer nonsense", "X-Api-Key": "nonsense"},
    "long x-api-key": {"X-Api-Key": "x" * 8000},
    "wrong api-key": {"Api-Key": KEY[1:]},
    "cookie": {"Cookie": f"key={KEY}"},
}
RIGHT: dict[str, dict[str, str]] = {
    "bearer": {"Authorization": f"Bearer {KEY}"},
    "lower case": {"Authorization": f"bearer {KEY}"},
    "x-api-key": {"X-Api-Key": KEY},
    "a proxy's own basic beside it": {"Authorization": "Basic dTpw", "X-Api-Key": KEY},
    "api-key": {"Api-Key": KEY},
    "second key": {"Authorization": "Bearer other-key"},
}


@pytest.fixture
def locked(start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> Live:
    monkeypatch.setattr(limits, "WRONG_KEYS_PER_S", 1_000_000)
    return start(ScriptedEngine(), keys=(KEY, "other-key"))


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
def test_wrong_keys(locked: Live, headers: dict[str, str]) -> None:
    reply = locked.request("POST", "/completion", POST, headers)
    assert reply.status == 401
    assert reply.json() == {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}}
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert locked.engine.asked == []


@pytest.mark.parametrize("headers", RIGHT.values(), ids=RIGHT)
def test_right_keys(locked: Live, headers: dict[str, str]) -> None:
    assert locked.request("POST", "/completion", POST, headers).status == 200


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
def test_every_route_asks_for_the_key(locked: Live, headers: dict[str, str]) -> None:
    """The routes are the application's own, so that a new one cannot be forgotten."""
    connection = locked.connect()
    tried = 0
    for method, path in addresses():
        sent = {"Content-Type": "application/json", **headers}
        connection.request(method, path, json.dumps(POST) if method == "POST" else None, sent)
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 401, (method, path)
        tried += 1
    connection.close()
    assert tried > 40
    assert locked.engine.asked == []
    assert locked.engine.singles == []


def addresses() -> Iterator[tuple[str, str]]:
    """Every method and address that somebody answers, but the page's and the health check's."""
    fleet = Fleet([Model(ModelEntry("tiny", NO_MODEL), cast(EngineClient, ScriptedEngine()))])
    app = create_app(ServerOptions(alias="tiny"), fleet, Guard(frozenset()))
    opened = app[OPEN_PATHS]
    for route in app.router.routes():
        path = re.sub(r"\{.*?\}", "0", route.resource.canonical if route.resource else "")
        if path not in opened and route.method != "*":
            yield route.method, path


def test_other_addresses_ask_for_it_too(locked: Live) -> None:
    for path in ("/nowhere", "/health/", "//health", "/v1/../health", "/HEALTH", "/api/", "/v1/messages/x"):
        for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE", "PUT", "PATCH"):
            assert locked.request(method, path, POST if method == "POST" else None).status == 401, (method, path)


def test_page_and_health_do_not(locked: Live) -> None:
    for path in ("/", "/health", "/v1/health", *FILES):
        assert locked.get(path).status == 200, path


def test_an_address_that_guesses_is_slowed_down(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(), keys=(KEY,))
    statuses = [server.get("/props", {"X-Api-Key": f"guess {number}"}).status for number in range(30)]
    assert statuses[:10] == [401] * 10
    assert statuses.count(429) >= 10
    refused = server.get("/props", {"X-Api-Key": KEY})
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert server.get("/health").status == 200
    assert server.get("/props").status == 401, "who has no key does not guess"
    time.sleep(1.0)
    assert server.get("/props", {"X-Api-Key": KEY}).status == 200


def test_right_keys_cost_nothing(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(), keys=(KEY,))
    assert {server.get("/props", {"X-Api-Key": KEY}).status for _ in range(50)} == {200}


def test_the_budget_is_bounded_and_grows_again() -> None:
    budget = Budget()
    for number in range(limits.MAX_WATCHED_ADDRESSES * 2):
        budget.spend(f"address {number}", 0.0)
    assert len(budget._left) == limits.MAX_WATCHED_ADDRESSES
    for _ in range(limits.WRONG_KEYS_PER_S):
        assert budget.left("one", 5.0) >= 1
        budget.spend("one", 5.0)
    assert budget.left("one", 5.0) < 1
    assert budget.left("another", 5.0) == limits.WRONG_KEYS_PER_S
    assert budget.left("one", 5.11) >= 1
    assert budget.left("one", 99.0) == limits.WRONG_KEYS_PER_S


def test_the_key_is_not_repeated(locked: Live) -> None:
    answers = [locked.get(path, {"X-Api-Key": KEY}).body for path in ("/props", "/v1/models", "/nowhere")]
    assert not any(KEY.encode() in answer for answer in answers)


def test_the_key_is_not_logged(locked: Live, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("lmfile")
    before = logger.level
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.DEBUG)
    try:
        for headers in (RIGHT["bearer"], RIGHT["x-api-key"], RIGHT["api-key"], {"X-Api-Key": f"{KEY}x"}):
            for path in ("/completion", "/nowhere", "/v1/models"):
                locked.request("POST", path, POST, headers)
        locked.raw(f"GET / HTTP/9.9\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode(), 0.5)
    finally:
        logger.removeHandler(caplog.handler)
        logger.setLevel(before)
    assert KEY not in caplog.text


def test_keys_from_all_sources(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("  one\n\ntwo\r\n")
    file.chmod(0o600)
    assert gather_keys("three,four", str(file), {"LMFILE_API_KEY": "five"}) == ("three", "four", "five", "one", "two")
    assert gather_keys(None, None, {}) == ()
    assert gather_keys(None, None, {"LMFILE_API_KEY": " "}) == ()
    for empty in ("", " ", ","):
        with pytest.raises(UsageError, match="--api-key is empty"):
            gather_keys(empty, None, {"LMFILE_API_KEY": "one"})


if os.name == "posix":  # Windows has no such modes.

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o777])
    def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
        file = tmp_path / "keys"
        file.write_text("secret")
        file.chmod(mode)
        with pytest.raises(UsageError, match="chmod 600"):
            gather_keys(None, str(file), {})


@pytest.mark.parametrize(
    "content", [b"", b"\n \n", b"\xff\xfe\x00", b"x" * 70_000], ids=["empty", "blank", "binary", "long"]
)
def test_a_file_without_keys_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(UsageError, match="Reading the API keys in"):
        gather_keys(None, str(file), {})


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        gather_keys(None, str(tmp_path / "absent"), {})
    with pytest.raises(UsageError, match="directory"):
        gather_keys(None, str(tmp_path), {})
