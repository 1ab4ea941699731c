"""SIGINT and SIGTERM in every phase: the right exit code, no process, no socket and nothing half-written left."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.caches import leftovers, runtimes
from tests.conftest import BUILDER, PROJECT
from tests.drivers import first_starts
from tests.gguf_writer import TENSORS, gguf
from tests.questions import CALM, LONG, POEM, SEE, SEEN
from tests.running import Running, eventually, run, started
from tests.serving import Server, listens, serving

INTERRUPT, TERMINATE = signal.SIGINT, signal.SIGTERM
STATUS = {INTERRUPT: 130, TERMINATE: 143}
SERVER_STATUS = {INTERRUPT: 130, TERMINATE: 0}
PROMPTLY_S = 5.0
GONE_S = 2.0
GRACE_S = 10.0
STOPS = 8
SWEEP = 12
MODES = [["-p", "Hello"], ["--chat"], ["--server", "--port", "0"]]

signals = pytest.mark.parametrize("number", [INTERRUPT, TERMINATE], ids=["SIGINT", "SIGTERM"])


def stopped(running: Running, number: signal.Signals, status: int) -> None:
    """Send the signal, and check how the program ends: in time, with `status`, alone and in silence."""
    assert not running.ended
    ended_by(running, number, status)


@contextmanager
def asking(executable: Path, env: dict[str, str], *arguments: str) -> Iterator[Running]:
    with started([executable, *CALM, *arguments], env=env) as running:
        yield running


def is_computing(running: Running) -> bool:
    """Whether the worker has used more time than loading the model takes."""
    worker = running.worker()
    fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split() if worker else []
    return bool(fields) and int(fields[11]) / os.sysconf("SC_CLK_TCK") > 1.0


@signals
def test_during_the_extraction(number: signal.Signals, tiny: Path, tmp_path: Path) -> None:
    env = {"LMFILE_CACHE": str(tmp_path)}
    with asking(tiny, env, "-p", "Hello") as running:
        running.until(lambda: leftovers(tmp_path))
        stopped(running, number, STATUS[number])
    assert runtimes(tmp_path) == []
    assert leftovers(tmp_path) == []
    assert run([tiny, *SEE], env=env).out == SEEN


@signals
def test_while_waiting_for_another_s_extraction(number: signal.Signals, tiny: Path, tmp_path: Path) -> None:
    env = {"LMFILE_CACHE": str(tmp_path)}
    with asking(tiny, env, "-p", "Hello") as first:
        first.until(lambda: leftovers(tmp_path))
        first.send(signal.SIGSTOP)
        with asking(tiny, env, "-p", "Hello") as second:
            second.until(lambda: "Waiting" in second.err())
            stopped(second, number, STATUS[number])
        first.send(signal.SIGCONT)
        assert first.wait().status == 0


@signals
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode[0])
def test_while_the_model_is_loaded(
    mode: list[str], number: signal.Signals, executable: Path, env: dict[str, str]
) -> None:
    with asking(executable, env, *mode) as running:
        running.until(running.worker)
        # a server that has not said yet that it listens may end as any program does
        ended_by(running, number, STATUS[number], SERVER_STATUS[number] if "--server" in mode else STATUS[number])


@signals
def test_while_the_prompt_is_read(number: signal.Signals, executable: Path, env: dict[str, str]) -> None:
    with asking(executable, env, "-p", LONG) as running:
        running.until(lambda: is_computing(running))
        assert running.out() == "", "it answers already"
        stopped(running, number, STATUS[number])


@signals
def test_during_the_answer(number: signal.Signals, executable: Path, env: dict[str, str]) -> None:
    with asking(executable, env, "-p", POEM) as running:
        running.until(running.out)
        stopped(running, number, STATUS[number])


def test_the_end_of_the_terminal_during_the_answer(executable: Path, env: dict[str, str]) -> None:
    with asking(executable, env, "-p", POEM) as running:
        running.until(running.out)
        stopped(running, signal.SIGHUP, 128 + signal.SIGHUP)


@signals
def test_while_the_chat_waits(number: signal.Signals, tiny: Path, env: dict[str, str]) -> None:
    reader, writer = os.pipe()
    with started([tiny, "--chat", *CALM], env=env, stdin=reader) as running:
        os.write(writer, b"What do you see?\n")
        running.until(running.out)
        time.sleep(0.1)
        running.send(number)
        done = running.wait(PROMPTLY_S)
        assert done.status == STATUS[number], done
        assert eventually(lambda: not running.family(), GONE_S)
    os.close(reader)
    os.close(writer)


def test_terminating_a_chat_during_the_answer(executable: Path, env: dict[str, str]) -> None:
    reader, writer = os.pipe()
    with started([executable, "--chat", *CALM], env=env, stdin=reader) as running:
        os.write(writer, POEM.encode() + b"\n")
        running.until(running.out)
        stopped(running, TERMINATE, STATUS[TERMINATE])
    os.close(reader)
    os.close(writer)


@signals
def test_an_idle_server(number: signal.Signals, tiny: Path, env: dict[str, str]) -> None:
    with serving(tiny, "-t", "1", env=env) as server:
        stopped(server.running, number, SERVER_STATUS[number])
        assert not listens(server.port)


@signals
@pytest.mark.parametrize("prompt", [POEM, LONG], ids=["during the answer", "while the prompt is read"])
def test_a_busy_server_ends_within_its_grace(
    prompt: str, number: signal.Signals, executable: Path, env: dict[str, str]
) -> None:
    """The first signal lets answers finish for a while; the second ends them, each with a last word."""
    with serving(executable, "-t", "1", env=env) as server:
        curl = server_reader(server, prompt)
        server.running.until(lambda: is_computing(server.running))
        server.running.send(number)
        assert eventually(lambda: not listens(server.port), 2), "it goes on accepting"
        assert not server.running.ended
        stopped(server.running, number, SERVER_STATUS[number])
        told, _ = curl.communicate(timeout=10)
    if prompt == POEM:
        assert b"data: " in told
    assert b"shutting down" in told or b"error" in told, told[-300:]


@signals
def test_a_short_answer_is_finished_first(number: signal.Signals, executable: Path, env: dict[str, str]) -> None:
    with serving(executable, "-t", "1", env=env) as server:
        events = server.stream("/completion", {"prompt": "1, 2, 3,", "n_predict": 100, "ignore_eos": True})
        received = [next(events)]
        stopped_at = time.monotonic()
        server.running.send(number)
        received += list(events)
        assert received[-1]["stop"] is True
        assert received[-1]["tokens_predicted"] == 100
        assert server.running.wait(GRACE_S).status == SERVER_STATUS[number]
        assert time.monotonic() - stopped_at < GRACE_S
        assert eventually(lambda: not server.running.family(), GONE_S)


@signals
def test_at_any_moment_of_a_first_start(number: signal.Signals, tiny: Path) -> None:
    result = first_starts.stop_repeatedly(tiny, number, STOPS)
    assert not result.wrong, result


@signals
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode[0])
def test_at_any_moment_of_a_start(mode: list[str], number: signal.Signals, tiny: Path, env: dict[str, str]) -> None:
    longest_s = run([tiny, *SEE], env=env).seconds
    moments = random.Random(int(number))
    reader, writer = os.pipe()
    for _ in range(SWEEP):
        with started([tiny, *CALM, *mode], env=env, stdin=reader) as running:
            time.sleep(moments.uniform(0, longest_s))
            ended_by(running, number, STATUS[number], SERVER_STATUS[number] if "--server" in mode else 0)
    os.close(reader)
    os.close(writer)


def ended_by(running: Running, number: signal.Signals, *statuses: int) -> None:
    """Send the signal, to a program that may just have ended by itself, and check how it ends."""
    with suppress(ProcessLookupError):
        running.send(number)
    done = running.wait(PROMPTLY_S)
    assert done.status in statuses, done
    assert "Traceback" not in done.err, done.err
    assert "error" not in done.err, done.err
    assert eventually(lambda: not running.family(), GONE_S), f"left behind: {running.family()}"


@signals
def test_a_build(number: signal.Signals, tmp_path: Path) -> None:
    """While gigabytes are copied."""
    model, folder = tmp_path / "large.gguf", tmp_path / "out"
    folder.mkdir()
    large_gguf(model)
    command = [sys.executable, "-m", "bundler", "build", model, "-o", folder / "program"]
    with started(command, env=BUILDER, cwd=PROJECT) as running:
        running.until(lambda: list(folder.iterdir()))
        running.send(number)
        done = running.wait(PROMPTLY_S)
        assert done.status == STATUS[number], done
        assert "Traceback" not in done.err
        assert eventually(lambda: not running.family(), GONE_S)
    assert list(folder.iterdir()) == [], "something half-written was left"


def server_reader(server: Server, prompt: str) -> subprocess.Popen[bytes]:
    """A client of its own process, which reads a stream to its end."""
    body = '{"stream": true, "n_predict": 4000, "ignore_eos": true, "prompt": "' + prompt + '"}'
    script = (
        "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=60)\n"
        "c.request('POST', '/completion', sys.argv[2], {'Content-Type': 'application/json'})\n"
        "sys.stdout.buffer.write(c.getresponse().read())\n"
    )
    return subprocess.Popen([sys.executable, "-c", script, str(server.port), body], stdout=subprocess.PIPE)


def large_gguf(path: Path) -> None:
    """A true GGUF of 8 GB, nearly all of it a hole: what copies it has to look at every byte."""
    rows = 8_000_000_000 // 32 // 1024 * 1024
    head = gguf(tensors=[*TENSORS, ("blk.0.ffn_up.weight", (8, rows), 0)], data=b"")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 8 * rows * 4 + 4096)
