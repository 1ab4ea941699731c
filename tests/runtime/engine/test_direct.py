"""The blocking client with real worker processes."""

import os
import signal
import threading

import pytest

from runtime.engine.protocol import Delta, Failed, Finished, Generate, Started
from runtime.errors import EngineDied, EngineRefused
from tests.runtime.engine.workers import (
    LONG_ANSWER,
    ask,
    end,
    failure,
    fake,
    is_alive,
    n_descriptors,
    started,
    text,
    wait_until,
)


def test_answers_one_after_the_other() -> None:
    with started(fake("Grüße, 😀!")) as (_, client):
        for _ in range(3):
            events = ask(client)
            assert (text(events), end(events).reason) == ("Grüße, 😀!", "stop")
        assert client.facts is not None and client.facts.architecture == "fake"


def test_facts_come_before_any_request() -> None:
    with started(fake(n_ctx=77)) as (_, client):
        assert client.wait_ready().n_ctx == 77


def test_a_closed_iterator_cancels_its_request() -> None:
    with started(fake(LONG_ANSWER)) as (_, client):
        events = client.generate(Generate(id=client.new_id(), prompt="Hi"))
        assert isinstance(next(events), Started)
        assert isinstance(next(events), Delta)
        events.close()
        again = ask(client, max_tokens=3)
        assert end(again).timings.predicted_n == 3


def test_refused_requests_leave_the_worker_well() -> None:
    with started(fake(n_ctx=32)) as (_, client):
        assert failure(ask(client, [1, 5000])).kind == "invalid"
        assert failure(ask(client, "x" * 32)).kind == "context"
        assert failure(ask(client, None)).kind == "invalid"
        assert text(ask(client)) == "Hello."


def test_close_ends_the_worker_and_leaves_nothing_open() -> None:
    before = n_descriptors()
    with started(fake()) as (worker, client):
        client.wait_ready()
        client.close()
        assert worker.poll() == 0
        client.close()
    assert n_descriptors() == before


def test_close_while_it_answers() -> None:
    with started(fake(LONG_ANSWER)) as (worker, client):
        events = client.generate(Generate(id=1, prompt="Hi"))
        next(events)
        client.close()
        assert worker.poll() == 0


def test_a_killed_worker_is_told_with_its_signal() -> None:
    with started(fake(LONG_ANSWER)) as (worker, client):
        events = client.generate(Generate(id=1, prompt="Hi"))
        next(events)
        worker.kill()
        with pytest.raises(EngineDied, match="SIGKILL"):
            list(events)


def test_a_worker_ends_when_its_front_closes_the_socket() -> None:
    with started(fake(LONG_ANSWER)) as (worker, client):
        client.wait_ready()
        worker.connection.close()
        wait_until(lambda: worker.poll() is not None, "the worker's end")
        assert not is_alive(worker.pid)


def test_garbage_on_the_socket_ends_the_worker_and_nothing_else() -> None:
    for garbage in (b"\xff" * 4, b"\x01\x00\x00\x00\xc1", b"\x02\x00\x00\x00{}"):
        with started(fake()) as (worker, client):
            client.wait_ready()
            worker.connection.sendall(garbage)
            assert worker.wait(10) == 40


def test_a_model_that_is_not_there_is_refused() -> None:
    with started(fake()._replace(backend="llama", model_path="/nowhere/ä.gguf")) as (worker, client):
        with pytest.raises(EngineRefused, match=r"/nowhere/ä.gguf.*No such file") as refusal:
            client.wait_ready()
        assert refusal.value.exit_code == 20
        assert worker.wait(10) == 20


def test_every_request_ends_once() -> None:
    with started(fake("Hello.", max_queue=2)) as (_, client):
        client.wait_ready()
        requests = [Generate(id=number, prompt="Hi") for number in range(100, 120)]
        for request in requests:
            client._send(request)
        ends: dict[int, str] = {}
        while len(ends) < len(requests):
            event = client._next()
            if isinstance(event, Finished | Failed):
                assert event.id not in ends
                ends[event.id] = event.reason if isinstance(event, Finished) else event.kind
        assert set(ends.values()) <= {"stop", "busy"}
        assert list(ends.values()).count("stop") >= 2  # the queue; a third where one was taken out in time


def test_an_interrupt_stops_the_answer_and_not_the_worker() -> None:
    with started(fake(LONG_ANSWER * 20, n_ctx=1 << 20)) as (_, client):
        seen = []
        for event in client.generate(Generate(id=client.new_id(), prompt="Hi")):
            if isinstance(event, Delta) and len(seen) == 1:
                client.interrupt()
            seen.append(event)
        assert end(seen).reason == "cancelled"
        assert end(ask(client, max_tokens=3)).reason == "length"


def test_an_interrupt_before_a_request_is_not_meant_for_it() -> None:
    with started(fake()) as (_, client):
        client.wait_ready()
        client.interrupt()
        assert text(ask(client)) == "Hello."


def test_an_interrupt_ends_the_wait_for_a_model() -> None:
    with started(fake()) as (worker, client):
        os.kill(worker.pid, signal.SIGSTOP)
        threading.Timer(0.2, client.interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            client.wait_ready()


def test_two_interrupts_end_a_worker_that_does_not_stop() -> None:
    with started(fake(LONG_ANSWER)) as (worker, client):
        events = client.generate(Generate(id=client.new_id(), prompt="Hi"))
        next(events)
        os.kill(worker.pid, signal.SIGSTOP)
        for delay_s in (0.0, 0.5):
            threading.Timer(delay_s, client.interrupt).start()
        with pytest.raises(EngineDied, match="did not stop"):
            list(events)
