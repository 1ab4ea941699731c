"""What a worker's death means for those who asked it, with real processes and every way to die."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from runtime.engine.client import EngineClient
from runtime.engine.config import WorkerConfig
from runtime.engine.launch import launch
from runtime.engine.protocol import Event, Failed, Finished, Generate, Started
from runtime.errors import EngineDied, EngineRefused
from tests.runtime.engine.workers import fake, is_alive, text
from tests.runtime.test_gguf import TINYVLM

LIMIT_S = 60.0
TOLD_S = 2.0
N_STREAMS = 8
ANSWER = "an answer of some length, " * 15
"""400 tokens of a millisecond each: long enough to be killed in the middle."""


def run(steps: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await steps

    asyncio.run(limited())


async def opened(config: WorkerConfig, max_deaths: int = 0) -> EngineClient:
    client = EngineClient(config, launch(config), max_deaths)
    await client.start()
    await client.wait_ready()
    return client


async def until(client: EngineClient, state: str) -> None:
    while client.state != state:
        await asyncio.sleep(0.01)


class Stream:
    """One request, read by a task of its own; times are monotonic seconds."""

    def __init__(self, client: EngineClient, prompt: str = "Hi") -> None:
        self.events: list[Event] = []
        self.ended_at = 0.0
        self._request = Generate(id=client.new_id(), prompt=prompt)
        self.task = asyncio.create_task(self._read(client))

    @property
    def began(self) -> bool:
        return any(isinstance(event, Started) for event in self.events)

    async def _read(self, client: EngineClient) -> None:
        async with aclosing(client.generate(self._request)) as events:
            async for event in events:
                self.events.append(event)
        self.ended_at = time.monotonic()

    async def until_it_began(self) -> None:
        while not self.began:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, signal.SIGSTOP])
def test_running_streams_are_told_in_time_and_waiting_ones_survive(number: signal.Signals) -> None:
    async def steps() -> None:
        client = await opened(fake(ANSWER, n_parallel=1))
        streams = [Stream(client) for _ in range(N_STREAMS)]
        await streams[0].until_it_began()
        first, killed_at = client.pid, time.monotonic()
        os.kill(first, number)
        while client.n_deaths == 0:
            await asyncio.sleep(0.01)
        await until(client, "ready")
        await asyncio.gather(*(stream.task for stream in streams))
        lost = [stream for stream in streams if isinstance(stream.events[-1], Failed)]
        assert streams[0] in lost and len(lost) < N_STREAMS
        for stream in lost:
            assert stream.events[-1].kind == "died"  # type: ignore[union-attr]
            assert stream.ended_at - killed_at < TOLD_S
        for stream in streams:
            if stream not in lost:
                assert isinstance(stream.events[-1], Finished)
                assert text(stream.events) == ANSWER
        assert client.pid != first and not is_alive(first)
        await client.stop()

    run(steps())


def test_a_request_that_comes_while_the_worker_is_replaced_waits() -> None:
    async def steps() -> None:
        client = await opened(fake("Here I am."))
        os.kill(client.pid, signal.SIGKILL)
        await until(client, "loading")
        stream = Stream(client)
        await stream.task
        assert text(stream.events) == "Here I am."
        await client.stop()

    run(steps())


@pytest.mark.parametrize(("number", "is_poison"), [(signal.SIGSEGV, True), (signal.SIGKILL, False)])
def test_what_kills_twice_alone_is_refused_if_native_code_broke(number: signal.Signals, is_poison: bool) -> None:
    async def steps() -> None:
        client = await opened(fake(ANSWER))
        for _ in range(2):
            stream = Stream(client, "a secret that kills")
            await stream.until_it_began()
            os.kill(client.pid, number)
            await stream.task
            await client.wait_ready()
        pid = client.pid
        again, other = Stream(client, "a secret that kills"), Stream(client, "harmless")
        await asyncio.gather(again.task, other.task)
        assert text(other.events) == ANSWER
        if is_poison:
            (refused,) = again.events
            assert isinstance(refused, Failed) and refused.kind == "poison"
            assert "crashed twice" in refused.message and "secret" not in refused.message
        else:
            assert text(again.events) == ANSWER
        assert client.pid == pid and client.n_deaths == 2
        await client.stop()

    run(steps())


def test_it_never_gives_up_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.engine.restarts.BACK_OFF_S", (0.0,))

    async def steps() -> None:
        client = await opened(fake(), max_deaths=0)
        for _ in range(8):
            os.kill(client.pid, signal.SIGKILL)
            await until(client, "loading")
            await client.wait_ready()
        assert client.n_deaths == 8
        await client.stop()

    run(steps())


def test_giving_up_is_told_to_those_who_wait() -> None:
    async def steps() -> None:
        client = await opened(fake(ANSWER, n_parallel=1), max_deaths=1)
        streams = [Stream(client) for _ in range(4)]
        await streams[0].until_it_began()
        os.kill(client.pid, signal.SIGKILL)
        await asyncio.gather(*(stream.task for stream in streams))
        assert all(isinstance(stream.events[-1], Failed) for stream in streams)
        assert isinstance(client.failure, EngineDied) and not client.can_load
        assert "died 1 times within 60 seconds" in str(client.failure)
        await client.stop()

    run(steps())


def test_a_reload_that_is_refused_says_why_and_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.engine.supervisor.RETRY_LOAD_S", 0.3)
    model = tmp_path / "model.gguf"
    shutil.copy(TINYVLM, model)

    async def steps() -> None:
        client = await opened(WorkerConfig(str(model), n_ctx=64))
        model.rename(tmp_path / "away.gguf")
        os.kill(client.pid, signal.SIGKILL)
        await until(client, "failed")
        assert isinstance(client.failure, EngineRefused) and "model.gguf" in str(client.failure)
        assert not client.can_load
        (tmp_path / "away.gguf").rename(model)
        await asyncio.sleep(0.4)
        assert client.can_load
        await client.load()
        await client.wait_ready()
        await client.unload()
        assert (client.state, client.can_load, is_alive(client.pid)) == ("unloaded", True, False)
        await client.stop()

    run(steps())


def test_the_terminals_stop_signal_is_not_for_the_worker() -> None:
    async def steps() -> None:
        client = await opened(fake())
        for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            os.kill(client.pid, number)
        await asyncio.sleep(0.1)
        assert Path(f"/proc/{client.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T"
        await client.stop()

    run(steps())


FRONT = """
import asyncio, sys
from runtime.engine.client import EngineClient
from runtime.engine.config import WorkerConfig
from runtime.engine.launch import launch

async def main():
    config = WorkerConfig(model_path="x", backend="fake")
    client = EngineClient(config, launch(config))
    await client.start()
    await client.wait_ready()
    print(client.pid, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(client.pid, client.n_deaths, flush=True)
    await client.stop()

asyncio.run(main())
"""


def test_a_front_that_was_suspended_with_its_worker_keeps_it() -> None:
    command = [sys.executable, "-c", FRONT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as front:
        assert front.stdout and front.stdin
        worker = int(front.stdout.readline())
        for pid in (worker, front.pid):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(2.0)
        os.kill(front.pid, signal.SIGCONT)
        time.sleep(0.2)  # the shell goes on with one after the other
        os.kill(worker, signal.SIGCONT)
        time.sleep(1.5)
        front.stdin.write("\n")
        front.stdin.close()
        assert front.stdout.readline() == f"{worker} 0\n"
        front.wait(10)
