"""A process that dies: the worker goes with its front, and the front outlives its worker."""

import json
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.questions import CALM, POEM
from tests.running import eventually, run, sentence, started
from tests.serving import Server, address, serving

DIED = 42
ANSWER = {"prompt": POEM, "n_predict": 4000, "ignore_eos": True}
SOON_S = 2.0


def stream_to_the_end(server: Server, events: list[Any]) -> threading.Thread:
    """Read a stream on a thread of its own."""
    thread = threading.Thread(target=lambda: events.extend(server.stream("/completion", ANSWER)), daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("mode", ["-p", "--server", "--chat"])
def test_a_killed_front_takes_its_worker_along(mode: str, executable: Path, env: dict[str, str]) -> None:
    arguments = {"-p": ["-p", POEM], "--server": ["--server", "--port", "0"], "--chat": ["--chat"]}[mode]
    reader, writer = os.pipe()
    with started([executable, *CALM, *arguments], env=env, stdin=reader) as running:
        if mode == "--server":
            address(running).wait_ready()
        else:
            os.write(writer, POEM.encode() + b"\n")
            running.until(running.out)
        worker = running.worker()
        os.kill(running.pid, signal.SIGKILL)
        assert eventually(lambda: not Path(f"/proc/{worker}").exists() or not running.family(), 1.0)
        assert running.family() == {}
    os.close(reader)
    os.close(writer)


def test_a_killed_front_whose_model_is_still_loaded(executable: Path, env: dict[str, str]) -> None:
    for _ in range(5):
        with started([executable, "--server", "--port", "0"], env=env) as running:
            running.until(running.worker)
            os.kill(running.pid, signal.SIGKILL)
            # its interpreter may have to start before it can look around
            assert eventually(lambda: not running.family(), 3.0), running.family()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT], ids=lambda number: number.name)
def test_a_dead_worker_is_told_to_its_clients_and_replaced(
    number: signal.Signals, executable: Path, env: dict[str, str]
) -> None:
    with serving(executable, "-t", "1", env=env) as server:
        running, worker = server.running, server.running.worker()
        events: list[Any] = []
        reading = stream_to_the_end(server, events)
        assert eventually(lambda: len(events) > 5)
        os.kill(worker, number)
        killed_at = time.monotonic()
        reading.join(SOON_S)
        assert not reading.is_alive(), "the client was not told"
        assert events[-1]["error"]["code"] == 503, events[-1]
        assert number.name in json.dumps(events[-1]), "it says how the engine ended"
        server.wait_ready()
        assert time.monotonic() - killed_at < SOON_S + 5
        assert not running.ended
        assert running.worker() not in (0, worker)
        assert server.post("/completion", {"prompt": "1, 2, 3,", "n_predict": 4, "temperature": 0})["content"]


def test_killing_it_again_and_again(tiny: Path, env: dict[str, str]) -> None:
    """At random moments, while one answer follows another: the front stays, and every client gets an end."""
    moments = random.Random(4)
    statuses: list[int] = []
    is_over = threading.Event()
    with serving(tiny, "-t", "1", env=env) as server:
        asking = threading.Thread(target=lambda: ask_until(server, statuses, is_over), daemon=True)
        asking.start()
        for _ in range(3):
            worker, n_before = server.running.worker(), len(statuses)
            time.sleep(moments.uniform(0, 0.3))
            os.kill(worker, signal.SIGKILL)
            server.running.until(lambda worker=worker: server.running.worker() not in (0, worker))
            server.wait_ready()
            assert eventually(lambda n_before=n_before: len(statuses) > n_before + 1, 10.0)
        is_over.set()
        asking.join(10)
        assert set(statuses) <= {200, 503} and statuses[-1] == 200
        assert statuses.count(503) <= 3, "only what was being computed is lost"


def ask_until(server: Server, statuses: list[int], is_over: threading.Event) -> None:
    """Ask one question after another and note the statuses of the answers."""
    while not is_over.is_set():
        statuses.append(server.ask("/completion", {"prompt": "Hello", "n_predict": 2})[0])


def test_a_worker_that_never_lives_is_given_up(tiny: Path, env: dict[str, str]) -> None:
    """Five deaths within a minute are the end of trying; the server stays and says why."""
    with serving(tiny, "-t", "1", env=env) as server:
        killed: set[int] = set()

        def given_up() -> bool:
            if (worker := server.running.worker()) and worker not in killed:
                killed.add(worker)
                os.kill(worker, signal.SIGKILL)
            return b"5 times" in server.get("/health")[1] + server.get("/v1/models")[1]

        server.running.until(given_up, 40)
        assert len(killed) == 5
        assert not server.running.ended
        server.running.send(signal.SIGTERM)
        server.running.wait(5)


def test_a_question_whose_worker_dies(executable: Path, env: dict[str, str]) -> None:
    with started([executable, *CALM, "-p", POEM], env=env) as running:
        running.until(running.out)
        os.kill(running.worker(), signal.SIGSEGV)
        said = sentence(running.wait(SOON_S), DIED)
        assert "SIGSEGV" in said


def test_a_stopped_worker_does_not_stop_the_server(tiny: Path, env: dict[str, str]) -> None:
    with serving(tiny, "-t", "1", env=env) as server:
        worker = server.running.worker()
        os.kill(worker, signal.SIGSTOP)
        assert server.get("/")[0] == 200
        server.running.until(lambda: server.running.worker() not in (0, worker))
        assert server.post("/completion", {"prompt": "Hello", "n_predict": 2})["stop"] is True
        os.kill(server.running.worker(), signal.SIGSTOP)
        server.running.send(signal.SIGTERM)
        assert server.running.wait(15).status == 0
        assert eventually(lambda: not server.running.family(), 1)


def test_no_process_is_left_after_any_end(tiny: Path, env: dict[str, str]) -> None:
    assert run([tiny, *CALM, "-p", "Hello"], env=env).status == 0
    assert run([tiny, "--chat"], env=env).status == 0
