"""What a worker does as a process: it ends with its front, ignores the front's signals, leaves no trace."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.engine.workers import ask, fake, is_alive, started, text, wait_until

FRONT = """
import sys, time
from runtime.engine.config import WorkerConfig
from runtime.engine.launch import launch
worker = launch(WorkerConfig(model_path="x", backend="fake"))
print(worker.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_for_the_front_do_not_end_it(number: int) -> None:
    with started(fake()) as (worker, client):
        os.kill(worker.pid, number)  # while its interpreter starts
        client.wait_ready()
        os.kill(worker.pid, number)
        assert text(ask(client)) == "Hello."


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_no_worker_outlives_its_front(number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", FRONT], stdout=subprocess.PIPE, text=True) as front:
        assert front.stdout
        pid = int(front.stdout.readline())
        assert is_alive(pid)
        front.send_signal(number)
        front.wait(10)
        wait_until(lambda: not is_alive(pid), "the end of the worker")


def test_it_leaves_no_core_and_goes_first() -> None:
    with started(fake()) as (worker, client):
        client.wait_ready()
        limits = Path(f"/proc/{worker.pid}/limits").read_text()
        (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        assert core.split()[4:6] == ["0", "0"]
        assert Path(f"/proc/{worker.pid}/oom_score_adj").read_text().strip() == "500"


def test_its_output_goes_to_no_terminal() -> None:
    with started(fake()) as (worker, client):
        client.wait_ready()
        streams = [str(Path(f"/proc/{worker.pid}/fd/{number}").readlink()) for number in (0, 1, 2)]
        assert streams[0].startswith("socket:")
        assert all("lmfile-worker-log" in stream for stream in streams[1:])


def test_the_environment_names_no_native_code_and_tells_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GGML_BACKEND_PATH", "/tmp/evil.so")
    for name in ("LMFILE_API_KEY", "NOTIFY_SOCKET", "OTEL_EXPORTER_OTLP_HEADERS"):
        monkeypatch.setenv(name, "evil too")
    with started(fake()) as (worker, client):
        client.wait_ready()
        environment = Path(f"/proc/{worker.pid}/environ").read_bytes()
        assert b"evil" not in environment
        assert b"GGML_NO_BACKTRACE=1" in environment


def test_a_closed_standard_input_does_not_confuse_it() -> None:
    front = "import os; os.close(0)\n" + FRONT.replace("time.sleep(60)", "print(worker.connection.recv(9)[4:5])")
    out = subprocess.run([sys.executable, "-c", front], capture_output=True, text=True, timeout=60, check=True).stdout
    assert len(out.splitlines()) == 2


def test_the_front_keeps_its_own_limits() -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    with started(fake()) as (_, client):
        client.wait_ready()
    assert resource.getrlimit(resource.RLIMIT_CORE) == before
