"""Where log lines go: terminal, file, both, or nowhere."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.cli.flags import Options
from runtime.cli.logs import set_up
from runtime.cli.parse import parse
from runtime.console import Console
from runtime.errors import CannotWrite

Logged = Callable[..., str]


@pytest.fixture
def logged() -> Iterator[Logged]:
    """Set logging up with these flags, log one request and one failure, and return what the terminal shows."""
    parent, access = logging.getLogger("lmfile"), logging.getLogger("lmfile.access")
    before = parent.handlers[:], parent.level, access.level, parent.propagate

    def log(*flags: str) -> str:
        parent.handlers.clear()
        options, warnings = parse(["--server", *flags])
        assert not warnings
        err = io.StringIO()
        set_up(options, Console(io.StringIO(), err))
        access.info("request", extra={"facts": {"status": 200}})
        logging.getLogger("lmfile.server").error("it failed")
        logging.getLogger("lmfile.http").error("garbage from a client")
        return err.getvalue()

    yield log
    for handler in parent.handlers:
        handler.close()
    parent.handlers[:], level, access_level, parent.propagate = before
    parent.setLevel(level)
    access.setLevel(access_level)


def test_the_terminal_shows_failures_only(logged: Logged) -> None:
    shown = logged()
    assert shown.endswith(" error it failed\n")
    assert shown.count("\n") == 1


def test_requests_are_shown_where_asked_for(logged: Logged) -> None:
    request, failure = logged("--log-requests").splitlines()
    assert request.endswith(" info request status=200")
    assert failure.endswith(" error it failed")


def test_everything_goes_to_the_file(logged: Logged, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    shown = logged("--log-file", str(path), "--log-format", "json")
    assert json.loads(shown)["message"] == "it failed"
    before, *lines = path.read_text().splitlines()
    assert before == "before"
    assert [json.loads(line)["message"] for line in lines] == ["request", "it failed", "garbage from a client"]
    assert json.loads(lines[0])["status"] == 200


def test_a_file_that_cannot_be_written(logged: Logged, tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="is a directory"):
        logged("--log-file", str(tmp_path))


def test_the_default_says_nothing_about_requests() -> None:
    assert (Options.log_requests, Options.log_file, Options.log_format) == (False, None, "text")
