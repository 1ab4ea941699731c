"""Less than is needed: memory, address space, a free port."""

import re
import socket
from pathlib import Path

import pytest

from tests.questions import SEE, SEEN
from tests.running import run, sentence, started
from tests.serving import address

OUT_OF_MEMORY, PORT_IN_USE = 41, 50
MB = 1_000_000
ADDRESS_SPACE = [size * MB for size in (10, 15, 20, 30, 40, 50, 70, 100, 200, 300, 400, 450, 500, 600, 800, 1200, 4000)]
"""Below 8 MB the kernel cannot start a program; up to 12, the C library says why in its own words."""


def test_a_context_beyond_the_memory(tiny: Path, env: dict[str, str]) -> None:
    said = sentence(run([tiny, "-c", "2000000000", *SEE], env=env), OUT_OF_MEMORY)
    assert "2000000000 tokens" in said
    assert len(re.findall(r"[\d.]+ GB", said)) == 2, "what it takes and what there is"
    [fits] = re.findall(r"use -c (\d+)", said)
    assert 0 < int(fits) < 2_000_000_000


def test_a_context_beyond_the_memory_of_a_server(executable: Path, env: dict[str, str]) -> None:
    done = run([executable, "--server", "--port", "0", "-c", "2000000000"], env=env)
    sentence(done, OUT_OF_MEMORY)


def test_any_address_space_serves_or_ends_with_a_sentence(tiny: Path, env: dict[str, str]) -> None:
    served = []
    for size in ADDRESS_SPACE:
        done = run(["prlimit", f"--as={size}", "--", tiny, *SEE], env=env, timeout_s=30)
        assert "Traceback" not in done.err, f"{size}: {done.err}"
        if done.status == 0:
            assert done.out == SEEN, size
            served.append(size)
        else:
            assert done.status < 128, f"{size}: {done}"
            assert len(done.err.splitlines()) == 1, f"{size}: {done.err}"
            assert "error" in done.err, size
    assert ADDRESS_SPACE[-1] in served
    assert ADDRESS_SPACE[0] not in served


@pytest.mark.parametrize("size", [300 * MB, 600 * MB])
def test_a_server_in_little_address_space_serves_or_ends(size: int, tiny: Path, env: dict[str, str]) -> None:
    command = ["prlimit", f"--as={size}", "--", tiny, "--server", "--port", "0", "-t", "1"]
    with started(command, env=env) as running:
        try:
            address(running).wait_ready()
        except AssertionError:
            done = running.wait(30)
            assert done.status and done.status < 128, done
            assert "Traceback" not in done.err


def test_a_port_in_use(tiny: Path, env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for mode in (["--server"], []):
            said = sentence(run([tiny, *mode, "--port", str(port)], env=env), PORT_IN_USE)
            assert f"127.0.0.1:{port}" in said


def test_a_double_click_takes_another_port_than_8080(tiny: Path, env: dict[str, str]) -> None:
    """Nobody has asked for 8080, and nobody is there to choose another; with other flags it is another program."""
    with started([tiny], env=env) as first, started([tiny, "--temp", "0"], env=env) as second:
        assert address(first).port != address(second).port


@pytest.mark.parametrize(
    "flags", [["--port", "65536"], ["--port", "x"], ["--host", "nowhere.invalid"], ["--temp", "hot"], ["-p"]]
)
def test_flags_that_make_no_sense(flags: list[str], tiny: Path, env: dict[str, str]) -> None:
    said = sentence(run([tiny, *flags], env=env), 51 if flags[0] == "--host" else 10)
    assert flags[-1] in said
