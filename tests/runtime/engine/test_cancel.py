"""Cancel: whatever a request is doing, its slot is free within one step and the others notice nothing."""

from threading import Timer

import pytest

from runtime.engine.protocol import Delta
from tests.runtime.engine.loop import Loop

LONG = "x" * 100


def cancelled(loop: Loop, number: int) -> None:
    """Cancel a request; it has ended after one step, and nothing of it runs or waits."""
    loop.inbox.cancel(number)
    loop.step()
    assert loop.last(number).reason == "cancelled"
    assert number not in [running.request.id for running in loop.running]
    assert number not in loop.waiting


def stage(loop: Loop, number: int) -> str:
    (running,) = [running for running in loop.running if running.request.id == number]
    return running.stage


def test_before_the_first_step() -> None:
    loop = Loop()
    loop.submit(1)
    cancelled(loop, 1)
    assert loop.of(1) == [loop.last(1)], "it never started"
    assert not loop.backend.runs
    loop.check_nothing_is_held()


def test_in_the_queue() -> None:
    loop = Loop(n_slots=1)
    loop.submit(1)
    loop.submit(2)
    loop.step()
    cancelled(loop, 2)
    loop.run()
    assert loop.text(1) == "Hello."
    loop.check_nothing_is_held()


def test_while_its_adapter_is_opened() -> None:
    loop = Loop(load_s=0.05)
    loop.submit(1, adapters=[("one", 1.0)])
    loop.step()
    cancelled(loop, 1)
    loop.submit(2, adapters=[("one", 1.0)])
    loop.run()
    assert loop.text(2) == "Hello."
    loop.check_nothing_is_held()


def test_in_its_prompt() -> None:
    loop = Loop(n_chunk=10)
    loop.submit(1, LONG)
    loop.step(2)
    assert stage(loop, 1) == "prefilling"
    cancelled(loop, 1)
    assert len(loop.backend.runs) == 2
    loop.submit(2, LONG)
    loop.run()
    assert (loop.last(2).timings.cache_n, loop.text(2)) == (20, "Hello."), "what was computed is kept"
    loop.check_nothing_is_held()


def test_while_it_waits_for_the_prompt_of_another() -> None:
    loop = Loop(n_chunk=10)
    loop.submit(1, LONG)
    loop.submit(2, LONG)
    loop.step(2)
    assert loop.shapes == [[10], [10]]
    cancelled(loop, 2)
    loop.run()
    assert loop.text(1) == "Hello."
    loop.check_nothing_is_held()


def test_while_another_waits_for_its_prompt() -> None:
    loop = Loop(n_chunk=10)
    loop.submit(1, LONG)
    loop.submit(2, LONG)
    loop.submit(3, LONG + "y")
    loop.step(2)
    cancelled(loop, 1)
    loop.run()
    assert loop.text(2) == loop.text(3) == "Hello."
    assert sum(len(work.tokens) for work in loop.works if work.position < 99) == 100
    loop.check_nothing_is_held()


def test_in_its_answer() -> None:
    loop = Loop(answer="Hello.")
    loop.submit(1)
    loop.step(3)
    assert stage(loop, 1) == "decoding"
    cancelled(loop, 1)
    assert (loop.text(1), loop.last(1).timings.predicted_n) == ("Hel", 3)
    loop.check_nothing_is_held()


def test_in_its_answer_beside_others() -> None:
    loop = Loop(answer="Hello.")
    for number in (1, 2, 3):
        loop.submit(number, "Hi")
    loop.step(3)
    cancelled(loop, 2)
    assert len(loop.shapes[-1]) == 2
    loop.run()
    assert loop.text(1) == loop.text(3) == "Hello."
    loop.check_nothing_is_held()


def test_put_back_for_want_of_room() -> None:
    loop = Loop(answer="x" * 30, n_cells=48)
    loop.submit(1, "a" * 15)
    loop.submit(2, "b" * 15)
    while len(loop.running) == 2 or not loop.backend.runs:
        loop.step()
    assert loop.waiting == [2]
    shown = loop.text(2)
    cancelled(loop, 2)
    assert shown and loop.text(2) == shown
    loop.run()
    assert loop.text(1) == "x" * 30
    loop.check_nothing_is_held()


def test_the_freed_slot_is_taken_in_the_same_step() -> None:
    loop = Loop(n_slots=1)
    loop.submit(1)
    loop.submit(2)
    loop.step(2)
    cancelled(loop, 1)
    assert [running.request.id for running in loop.running] == [2]
    loop.run()
    assert loop.text(2) == "Hello."


def test_half_a_character_and_half_a_stop_string_are_told_at_the_end() -> None:
    loop = Loop(answer="aSTΩ")
    loop.submit(1, stop=["STOP"])
    loop.step(3)
    cancelled(loop, 1)
    assert loop.text(1) == "aST"


@pytest.mark.parametrize("n_others", [0, 1])
def test_it_ends_a_step_that_is_running_when_nobody_else_is_in_it(n_others: int) -> None:
    loop = Loop(step_s=30.0)
    for number in range(1, 2 + n_others):
        loop.submit(number)
        Timer(0.05 * number, loop.inbox.cancel, [number]).start()
    loop.run()
    for number in range(1, 2 + n_others):
        assert loop.last(number).reason == "cancelled"
        assert loop.last(number).timings.prompt_ms < 10_000
    loop.check_nothing_is_held()


def test_what_is_gone_or_was_never_there_is_no_matter() -> None:
    loop = Loop()
    loop.submit(1)
    loop.run()
    loop.inbox.cancel(1)
    loop.inbox.cancel(77)
    loop.submit(2)
    loop.run()
    assert loop.last(1).reason == loop.last(2).reason == "stop"


def test_twice_is_as_good_as_once() -> None:
    loop = Loop()
    loop.submit(1)
    loop.step(3)
    loop.inbox.cancel(1)
    cancelled(loop, 1)
    assert [event.text for event in loop.of(1) if isinstance(event, Delta)] == ["H", "e", "l"]
