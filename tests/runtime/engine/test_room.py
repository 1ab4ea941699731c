"""Scarce memory: requests that make room for older ones, full contexts, and contexts that drop their oldest tokens."""

import pytest

from runtime.engine.backend import Drawn, InvalidRequest, Memory, NoRoom, Work
from runtime.engine.backends.fake import FakeBackend, FakeShape
from tests.runtime.engine.loop import Loop


def test_the_youngest_makes_room_and_both_finish() -> None:
    loop = Loop(answer="x" * 20, n_cells=40)
    loop.submit(1, "a" * 15)
    loop.submit(2, "b" * 15)
    loop.run()
    assert loop.text(1) == loop.text(2) == "x" * 20
    assert loop.has_ended(1) and loop.last(1).timings.predicted_n == 21
    order = [event.id for event in loop.events if hasattr(event, "timings")]
    assert order == [1, 2], "the older one was not held up"
    loop.check_nothing_is_held()


def test_many_that_together_need_more_than_there_is_all_finish() -> None:
    loop = Loop(answer="x" * 12, n_cells=50, n_slots=6, n_sequences=12)
    for number in range(1, 13):
        loop.submit(number, chr(96 + number) * 20)
    loop.run()
    assert {loop.text(number) for number in range(1, 13)} == {"x" * 12}
    assert [event.id for event in loop.events if hasattr(event, "n_cached")] == list(range(1, 13))
    loop.check_nothing_is_held()


def test_who_was_put_back_does_not_take_the_slot_that_an_older_one_waits_for() -> None:
    loop = Loop(answer="x" * 30, n_cells=64, n_slots=3, n_sequences=8)
    loop.submit(1, "a" * 20, slot=0)
    loop.submit(2, "b" * 20, slot=1, max_tokens=8)
    loop.submit(3, "c" * 2, slot=1)
    loop.submit(4, "d" * 20, slot=-1)
    while 4 not in loop.waiting[:2] or loop.is_open(loop.requests[1]):
        loop.step()
    assert loop.waiting == [3, 4], "the older one is next"
    loop.step()
    assert [one.slot for one in loop.running if one.request.id == 3] == [1]
    loop.run()
    loop.check_nothing_is_held()


def test_who_was_put_back_is_announced_once_and_counts_its_prompt_once() -> None:
    loop = Loop(answer="x" * 20, n_cells=40)
    loop.submit(1, "a" * 15)
    loop.submit(2, "b" * 15)
    loop.run()
    assert loop.started(2).n_cached == 0
    assert loop.last(2).timings.cache_n + loop.last(2).timings.prompt_n == 15


def test_what_nobody_uses_is_forgotten_first() -> None:
    loop = Loop(n_cells=60, n_ctx=60)
    for number, prompt in enumerate(("a" * 20, "b" * 20), start=1):
        loop.submit(number, prompt)
        loop.run()
    loop.submit(3, "c" * 30)
    loop.run()
    loop.submit(4, "b" * 20)
    loop.run()
    assert loop.last(4).timings.cache_n == 19, "the most recent one stayed"
    loop.submit(5, "a" * 20)
    loop.run()
    assert loop.last(5).timings.cache_n < 19
    loop.check_nothing_is_held()


def test_a_memory_that_is_fuller_than_it_says_is_emptied_and_tried_again() -> None:
    class Leaky(FakeBackend):
        n_refusals = 3

        def run(self, memory: Memory, works: list[Work]) -> list[list[Drawn]]:
            if len(self.runs) > 3 and self.n_refusals:
                self.n_refusals -= 1
                raise NoRoom
            return super().run(memory, works)

    loop = Loop(Leaky(shape=FakeShape(n_slots=4)))
    loop.submit(9, "forgotten")
    loop.step(2)
    for number in (10, 11, 12):
        loop.submit(number, f"prompt {number}")
    loop.run()
    assert {loop.text(number) for number in range(9, 13)} == {"Hello."}
    loop.check_nothing_is_held()


def test_a_single_request_without_room_fails_with_a_sentence() -> None:
    class Full(FakeBackend):
        def run(self, memory: Memory, works: list[Work]) -> list[list[Drawn]]:
            raise NoRoom

    loop = Loop(Full())
    loop.submit(1)
    loop.run()
    assert (loop.failure(1).kind, "no room" in loop.failure(1).message) == ("internal", True)
    loop.check_nothing_is_held()


@pytest.mark.parametrize("n_prompt", [1, 10, 19])
def test_a_full_context_ends_the_answer(n_prompt: int) -> None:
    loop = Loop(answer="x" * 100, n_ctx=20)
    loop.submit(prompt="y" * n_prompt)
    loop.run()
    assert (loop.last().reason, loop.last().truncated) == ("length", True)
    assert len(loop.text()) == 20 - n_prompt


def test_a_context_that_shifts_never_ends() -> None:
    loop = Loop(answer="abcdefghij" * 10, n_ctx=20, shifts=True)
    loop.submit(prompt="y" * 10)
    loop.run()
    assert (loop.text(), loop.last().reason, loop.last().truncated) == ("abcdefghij" * 10, "stop", True)
    assert sum(map(sum, loop.shapes)) == 10 + 100, "no token was computed twice"
    loop.check_nothing_is_held()


def held_after_shift(loop: Loop) -> bytes:
    (running,) = loop.running
    while not running.truncated:
        loop.step()
    assert running.place
    held: list[int] = loop.lane.memory.text(running.place.id)  # type: ignore[attr-defined]
    assert held == running.tokens[: running.n_computed]
    return bytes(running.tokens)


@pytest.mark.parametrize(
    ("n_keep", "n_discard", "held"),
    [
        (0, 0, b"efghijklmn"),
        (4, 0, b"ABCDghijklmn"),
        (-1, 0, b"ABCDEFhijklmn"),
        (2, 3, b"ABFabcdefghijklmn"),
        (0, 1000, b"n"),
        (1000, 0, b"ABCDEFabcdefghijmn"),
    ],
)
def test_what_a_shift_keeps_and_drops(n_keep: int, n_discard: int, held: bytes) -> None:
    loop = Loop(answer="abcdefghijklmnopqrstuvwxyz", n_ctx=20, shifts=True)
    loop.submit(prompt="ABCDEF", n_keep=n_keep, n_discard=n_discard)
    loop.step()
    assert held_after_shift(loop) == held
    loop.run()
    assert loop.text() == "abcdefghijklmnopqrstuvwxyz"
    loop.check_nothing_is_held()


def test_a_limit_of_tokens_holds_in_a_context_that_shifts() -> None:
    loop = Loop(answer="x" * 100, n_ctx=20, shifts=True)
    loop.submit(prompt="y" * 10, max_tokens=10)
    loop.submit(2, prompt="y" * 10, max_tokens=50)
    loop.run()
    assert [(len(loop.text(number)), loop.last(number).reason) for number in (1, 2)] == [(10, "length"), (50, "length")]


def test_tokens_that_others_use_are_not_moved_but_computed_anew() -> None:
    loop = Loop(answer="abcdefghij" * 3, n_ctx=24, n_cells=200, shifts=True)
    for number in (1, 2, 3):
        loop.submit(number, "y" * 10, n_keep=2)
    loop.run()
    assert [loop.text(number) for number in (1, 2, 3)] == ["abcdefghij" * 3] * 3
    assert all(loop.last(number).truncated for number in (1, 2, 3))
    assert sum(map(sum, loop.shapes)) > 10 + 2 + 3 * 30
    loop.check_nothing_is_held()


def test_a_shifted_answer_is_not_remembered_as_what_it_never_was() -> None:
    loop = Loop(answer="abcdefghij" * 3, n_ctx=24, shifts=True)
    loop.submit(1, "y" * 10)
    loop.run()
    loop.submit(2, "y" * 10 + "abcdefghij")
    loop.run()
    assert loop.last(2).timings.cache_n <= 10
    loop.check_nothing_is_held()


def test_without_a_way_to_shift_the_rest_is_computed_anew() -> None:
    loop = Loop(answer="abcdefghij" * 3, n_ctx=24, shifts=True, can_trim=False)
    loop.submit(1, "y" * 10)
    loop.run()
    assert (loop.text(), loop.last().truncated) == ("abcdefghij" * 3, True)


class Refusing(FakeBackend):
    """Cannot draw a fourth time, as with a grammar that turns out too costly."""

    def run(self, memory: Memory, works: list[Work]) -> list[list[Drawn] | InvalidRequest]:
        results = super().run(memory, works)
        return [InvalidRequest("the grammar is too costly") for _ in works] if len(self.runs) > 3 else results


@pytest.mark.parametrize("can_trim", [True, False])
def test_a_request_that_cannot_be_drawn_from_leaves_what_the_tree_knows(can_trim: bool) -> None:
    loop = Loop(Refusing("Hello.", shape=FakeShape(can_trim=can_trim)))
    loop.submit(1, "Hi there")
    loop.run()
    assert loop.failure(1).message == "the grammar is too costly"
    loop.check_nothing_is_held()
    loop.submit(2, "Hi thereHello. And")  # takes over what the first one left
    loop.run()
    assert loop.failure(2).message == "the grammar is too costly"
