"""The terminal: answers on stdout alone, and streams that are missing, closed or colourless."""

import io
import os
import subprocess
import sys

import pytest

from runtime.console import Console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_answers_and_notes_are_kept_apart() -> None:
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err)
    console.answer("Paris")
    console.note("loaded")
    console.warning("slow")
    console.error("lost")
    assert out.getvalue() == "Paris"
    assert err.getvalue() == "loaded\nwarning: slow\nerror: lost\n"


def test_a_status_line_is_replaced_and_never_reaches_a_file() -> None:
    screen, file = Terminal(), io.StringIO()
    for stream in (screen, file):
        console = Console(io.StringIO(), stream)
        console.status("loading: 10%")
        console.note("done")
    assert screen.getvalue() == "\r\x1b[Kloading: 10%\r\x1b[Kdone\n"
    assert file.getvalue() == "done\n"


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Terminal()
    Console(io.StringIO(), screen).error("lost")
    assert screen.getvalue() == "error: lost\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    program = "from runtime.console import Console\nc = Console()\nfor _ in range(10000): c.answer('x' * 100)\n"
    reader = subprocess.run(
        f'{sys.executable} -c "{program}" | head -c 10', shell=True, capture_output=True, timeout=60, check=False
    )
    assert reader.stdout == b"x" * 10
    assert reader.stderr == b""


def test_notes_that_nobody_reads_stop_nothing() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as reading, os.fdopen(writer, "w") as writing:
        console = Console(io.StringIO(), writing)
        for number in range(10_000):
            console.note(f"{number:020d}")
        os.set_blocking(reader, False)
        assert reading.read().startswith(b"0" * 20 + b"\n")
        console.note("heard again")
        assert reading.read() == b"heard again\n"


def test_missing_streams_are_no_error() -> None:
    console = Console(None, None)
    console._out = console._err = None
    console.answer("x")
    console.note("y")
    assert os.getpid()
