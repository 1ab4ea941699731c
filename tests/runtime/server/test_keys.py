"""API keys: where they come from, how they are presented, and that no route forgets them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import UsageError
from runtime.server.key_sources import gather_keys
from runtime.server.page import FILES
from tests.runtime.server.live import Live, ScriptedEngine

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
def locked(start: Callable[..., Live]) -> Live:
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


def test_every_address_but_page_and_health_asks_for_the_key(locked: Live) -> None:
    addresses = ["/v1/chat/completions", "/chat/completions", "/v1/completions", "/completion", "/completions",
                 "/v1/models", "/models", "/v1/models/tiny", "/props", "/nowhere", "/health/", "//health"]  # fmt: skip
    for path in addresses:
        for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
            assert locked.request(method, path, POST if method == "POST" else None).status == 401, (method, path)
    for path in ("/", "/health", "/v1/health"):
        assert locked.get(path).status == 200, path
    for path in FILES:
        assert locked.get(path).status != 401, path


def test_the_key_is_not_repeated(locked: Live) -> None:
    answers = [locked.get(path, {"X-Api-Key": KEY}).body for path in ("/props", "/v1/models", "/nowhere")]
    assert not any(KEY.encode() in answer for answer in answers)


def test_keys_from_all_sources(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("  one\n\ntwo\r\n")
    file.chmod(0o600)
    assert gather_keys("three,four", str(file), {"LMFILE_API_KEY": "five"}) == ("three", "four", "five", "one", "two")
    assert gather_keys(None, None, {}) == ()
    assert gather_keys("", None, {"LMFILE_API_KEY": " "}) == ()


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
