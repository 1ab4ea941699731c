"""The asyncio client: many requests, cancellation, and a new worker for a dead one."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any

import pytest

from runtime.engine.client import EngineClient
from runtime.engine.config import WorkerConfig
from runtime.engine.launch import launch
from runtime.engine.protocol import Chat, Delta, Event, Failed, Finished, Generate, Tokenize, Tokenized
from runtime.errors import EngineDied, EngineRefused
from tests.runtime.engine.workers import LONG_ANSWER, fake, is_alive, n_descriptors, text

LIMIT_S = 120.0


def run(steps: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await steps

    asyncio.run(limited())


async def opened(config: WorkerConfig) -> EngineClient:
    client = EngineClient(config, launch(config))
    await client.start()
    return client


async def ask(client: EngineClient, **more: object) -> list[Event]:
    request = Generate(id=client.new_id(), **{"prompt": "Hi", **more})  # type: ignore[arg-type]
    async with aclosing(client.generate(request)) as events:
        return [event async for event in events]


async def ready_again(client: EngineClient) -> None:
    while client.state != "ready":
        await asyncio.sleep(0.01)


def test_many_at_once() -> None:
    async def steps() -> None:
        client = await opened(fake())
        facts = await client.wait_ready()
        assert (client.state, facts.name, client.progress) == ("ready", "fake", 1.0)
        answers = await asyncio.gather(*(ask(client) for _ in range(20)))
        assert [text(answer) for answer in answers] == ["Hello."] * 20
        await client.stop()
        assert client.state == "stopped"

    run(steps())


def test_a_number_that_no_frame_can_hold_is_refused() -> None:
    async def steps() -> None:
        client = await opened(fake())
        for _ in range(2):  # while the model loads, and then
            chat = Chat(messages=[{"role": "user", "content": "x"}], values={"a": 2**64})
            [event] = await ask(client, prompt=None, chat=chat)
            assert isinstance(event, Failed)
            assert (event.kind, event.message) == ("invalid", "a whole number in the request is beyond 64 bits")
            await client.wait_ready()
        assert text(await ask(client)) == "Hello."
        await client.stop()

    run(steps())


def test_a_request_may_come_before_the_model() -> None:
    async def steps() -> None:
        client = await opened(fake())
        assert text(await ask(client)) == "Hello."
        await client.stop()

    run(steps())


def test_leaving_cancels() -> None:
    async def steps() -> None:
        client = await opened(fake(LONG_ANSWER))
        async with aclosing(client.generate(Generate(id=client.new_id(), prompt="Hi"))) as events:
            async for event in events:
                if isinstance(event, Delta):
                    break
        again = await ask(client, max_tokens=2)
        assert isinstance(again[-1], Finished) and again[-1].reason == "length"
        await client.stop()

    run(steps())


def test_a_cancelled_task_cancels_its_request() -> None:
    async def steps() -> None:
        client = await opened(fake(LONG_ANSWER))
        await client.wait_ready()
        tasks = [asyncio.create_task(ask(client)) for _ in range(5)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)
        assert len(client._requests) == 0
        assert text(await ask(client, max_tokens=1)) == "a"
        await client.stop()

    run(steps())


def test_a_full_queue_is_told() -> None:
    async def steps() -> None:
        client = await opened(fake(LONG_ANSWER, max_queue=2))
        await client.wait_ready()
        tasks = [asyncio.create_task(ask(client, max_tokens=50)) for _ in range(8)]
        answers = await asyncio.gather(*tasks)
        busy = [answer for answer in answers if isinstance(answer[-1], Failed) and answer[-1].kind == "busy"]
        assert len(busy) >= 5 - 1
        assert all(len(answer) == 1 for answer in busy)
        await client.stop()

    run(steps())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_dead_worker_is_replaced_and_its_requests_are_told(number: int) -> None:
    async def steps() -> None:
        client = await opened(fake(LONG_ANSWER))
        await client.wait_ready()
        first = client.pid
        tasks = [asyncio.create_task(ask(client)) for _ in range(4)]
        await asyncio.sleep(0.1)
        os.kill(first, number)
        for events in await asyncio.gather(*tasks):
            assert isinstance(events[-1], Failed)
            assert events[-1].kind == "died"
            assert signal.Signals(number).name in events[-1].message
        await ready_again(client)
        assert client.n_deaths == 1
        assert client.pid != first and not is_alive(first)
        assert text(await ask(client, max_tokens=1)) == "a"
        await client.stop()

    run(steps())


def test_a_stopped_worker_is_killed_when_it_does_not_end() -> None:
    async def steps() -> None:
        client = await opened(fake())
        await client.wait_ready()
        pid = client.pid
        os.kill(pid, signal.SIGSTOP)
        await client.stop(grace_s=0.1)
        assert not is_alive(pid)

    run(steps())


def test_five_deaths_within_a_minute_are_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.engine.restarts.BACK_OFF_S", (0.0,))

    async def steps() -> None:
        client = await opened(fake())
        for death in range(1, 6):
            await client.wait_ready()
            os.kill(client.pid, signal.SIGKILL)
            while client.n_deaths < death:
                await asyncio.sleep(0.01)
        with pytest.raises(EngineDied, match="5 times"):
            await client.wait_ready()
        assert client.state == "failed"
        (failed,) = await ask(client)
        assert isinstance(failed, Failed) and "5 times" in failed.message
        await client.stop()

    run(steps())


def test_a_death_before_the_model_was_loaded_is_the_end() -> None:
    async def steps() -> None:
        client = await opened(fake())
        os.kill(client.pid, signal.SIGABRT)
        with pytest.raises(EngineDied, match="SIGABRT"):
            await client.wait_ready()
        assert (client.state, client.n_deaths) == ("failed", 1)
        await client.stop()

    run(steps())


def test_a_refused_model_is_the_end() -> None:
    async def steps() -> None:
        client = await opened(WorkerConfig(model_path="/nowhere.gguf"))
        with pytest.raises(EngineRefused) as refusal:
            await client.wait_ready()
        assert (refusal.value.exit_code, client.state, client.failure) == (20, "failed", refusal.value)
        await asyncio.sleep(0.2)
        (failed,) = await ask(client)
        assert isinstance(failed, Failed) and "/nowhere.gguf" in failed.message
        assert client.n_deaths == 0
        await client.stop()

    run(steps())


def test_stop_ends_running_requests_and_leaves_nothing() -> None:
    async def steps() -> None:
        client = await opened(fake(LONG_ANSWER))
        await client.wait_ready()
        tasks = [asyncio.create_task(ask(client)) for _ in range(3)]
        await asyncio.sleep(0.1)
        await client.stop()
        for events in await asyncio.gather(*tasks):
            assert isinstance(events[-1], Finished | Failed)
        await client.stop()

    before = n_descriptors()
    run(steps())
    assert n_descriptors() == before


def test_stop_while_the_model_is_being_loaded() -> None:
    async def steps() -> None:
        client = await opened(fake())
        await client.stop()
        assert not is_alive(client.pid)

    run(steps())


def test_a_question_survives_a_worker_that_had_not_seen_it() -> None:
    async def steps() -> None:
        client = await opened(fake())
        await client.wait_ready()
        os.kill(client.pid, signal.SIGSTOP)
        asking = asyncio.create_task(client.ask(Tokenize(id=client.new_id(), content="Hi")))
        await asyncio.sleep(0.05)
        os.kill(client.pid, signal.SIGKILL)
        answer = await asking
        assert answer == Tokenized(id=answer.id, tokens=[72, 105], pieces=[b"H", b"i"])
        assert client.n_deaths == 1
        await client.stop()

    run(steps())
