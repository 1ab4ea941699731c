"""Standard streams that are closed, or whose other end is: the program does its work and ends as always."""

import socket
from pathlib import Path

import pytest

from tests.questions import CALM, SEE, SEEN
from tests.running import run, sentence, started
from tests.serving import Server, address

QUESTION = ["--server", "--port", "0", "-t", "1"]


def shell(script: str, tiny: Path, *arguments: str) -> list[str]:
    return ["sh", "-c", script, "sh", str(tiny), *arguments]


def test_no_stdin(tiny: Path, env: dict[str, str]) -> None:
    done = run(shell('exec "$@" <&-', tiny, *SEE), env=env)
    assert (done.status, done.out, done.err) == (0, SEEN, "")


def test_no_stdout(tiny: Path, env: dict[str, str]) -> None:
    done = run(shell('exec "$@" >&-', tiny, *SEE), env=env)
    assert (done.status, done.out, done.err) == (0, "", "")


def test_no_stderr(tiny: Path, env: dict[str, str]) -> None:
    done = run(shell('exec "$@" 2>&-', tiny, *SEE), env=env)
    assert (done.status, done.out, done.err) == (0, SEEN, "")


def test_no_stream_at_all(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    done = run(shell('exec "$@" <&- >&- 2>&-', tiny, *SEE), env=env)
    assert (done.status, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
def test_a_server_without(closed: str, tiny: Path, env: dict[str, str]) -> None:
    with started(shell(f'exec "$@" {closed}', tiny, *QUESTION), env=env) as running:
        server = address(running)
        server.wait_ready()
        assert server.get("/")[0] == 200


def test_a_server_without_any_stream(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    """As a desktop starts it: it says nothing, and serves."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = 'exec "$@" <&- >&- 2>&-'
    with started(shell(script, tiny, "--server", "--port", str(port), "-t", "1"), env=env) as running:
        server = Server(running, "", port)
        server.wait_ready()
        assert server.get("/")[0] == 200


def test_a_reader_that_leaves(executable: Path, env: dict[str, str]) -> None:
    script = '{ "$@"; echo $? >&3; } 3>&2 2>/dev/null | head -c1'
    done = run(shell(script, executable, *CALM, "-n", "30", "-p", "Count from 1 to 20."), env=env)
    assert len(done.out) == 1
    assert done.err == "0\n", "a reader that leaves is no failure"


def test_a_reader_of_messages_that_leaves(tiny: Path, env: dict[str, str]) -> None:
    script = '"$@" 2>&1 >/dev/null | :; exit 0'
    assert run(shell(script, tiny, "--nologo", *SEE), env=env).status == 0


def test_a_full_device_as_stdout(tiny: Path, env: dict[str, str]) -> None:
    said = sentence(run(shell('exec "$@" >/dev/full', tiny, *SEE), env=env), 34)
    assert "no space left" in said


def test_a_full_device_as_stderr(tiny: Path, env: dict[str, str]) -> None:
    done = run(shell('exec "$@" 2>/dev/full', tiny, "--nologo", *SEE), env=env)
    assert (done.status, done.out) == (0, SEEN)


@pytest.mark.parametrize("flag", ["--help", "--version", "--licenses", "--manifest"])
def test_pages_to_a_reader_that_leaves(flag: str, tiny: Path, env: dict[str, str]) -> None:
    done = run(shell('"$@" | head -c1', tiny, flag), env=env)
    assert (len(done.out), done.err) == (1, "")
