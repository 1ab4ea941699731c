"""Prompts that take long to make: nobody waits for them but those who asked."""

import time
from threading import Event

import pytest

from runtime.engine.backend import InvalidRequest
from runtime.engine.backends.fake import FakeBackend
from runtime.engine.protocol import Chat
from tests.runtime.engine.loop import Loop

LONG = "x" * 20_000
PATIENCE_S = 10.0


class SlowBackend(FakeBackend):
    """Cuts a long text only when it may."""

    def __init__(self) -> None:
        super().__init__(n_ctx=30_000, n_chunk=30_000)
        self.may_cut = Event()
        self.n_cut = 0

    def tokenize(self, text: str, add_special: bool = True, parse_special: bool = True) -> list[int]:
        if len(text) >= len(LONG):
            assert self.may_cut.wait(PATIENCE_S)
            self.n_cut += 1
        if "refuse" in text:
            raise InvalidRequest("this cannot be cut")
        if "break" in text:
            raise ZeroDivisionError
        return super().tokenize(text)


@pytest.fixture
def loop() -> Loop:
    return Loop(SlowBackend())


def backend_of(loop: Loop) -> SlowBackend:
    assert isinstance(loop.backend, SlowBackend)
    return loop.backend


def step_until_ended(loop: Loop, number: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not loop.has_ended(number):
        assert time.monotonic() < deadline_s
        loop.step()


def test_answers_go_on_while_a_long_prompt_is_cut(loop: Loop) -> None:
    loop.submit(1, LONG)
    loop.submit(2, "Hi")
    loop.submit(3, None, chat=Chat(messages=[{"role": "user", "content": "Hi"}]))
    step_until_ended(loop, 2)
    assert loop.text(2) == "Hello." and not loop.has_ended(1)
    backend_of(loop).may_cut.set()
    loop.run()
    assert [loop.text(number) for number in (1, 3)] == ["Hello."] * 2
    assert loop.started(1).n_prompt == len(LONG)
    loop.check_nothing_is_held()


def test_many_texts_are_as_long_as_one(loop: Loop) -> None:
    loop.submit(1, [*[""] * len(LONG), LONG])
    loop.submit(2, "Hi")
    step_until_ended(loop, 2)
    assert not loop.has_ended(1)
    backend_of(loop).may_cut.set()
    loop.run()
    assert loop.text(1) == "Hello."


def test_a_long_conversation_is_prepared_aside(loop: Loop) -> None:
    loop.submit(1, None, chat=Chat(messages=[{"role": "user", "content": LONG}]))
    loop.submit(2, "Hi")
    step_until_ended(loop, 2)
    assert not loop.has_ended(1)
    backend_of(loop).may_cut.set()
    loop.run()
    assert loop.text(1) == "Hello."


def test_refusals_and_bugs_are_told(loop: Loop) -> None:
    backend_of(loop).may_cut.set()
    loop.submit(1, LONG + "refuse")
    loop.submit(2, LONG * 100)
    loop.run()
    assert (loop.failure(1).kind, loop.failure(1).message) == ("invalid", "this cannot be cut")
    assert loop.failure(2).kind == "context"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_a_thread_costs_its_request(loop: Loop) -> None:
    backend_of(loop).may_cut.set()
    loop.submit(1, LONG + "break")
    loop.submit(2, "Hi")
    loop.run()
    assert loop.failure(1).kind == "internal"
    assert loop.text(2) == "Hello."


def test_a_bug_at_the_admission_costs_its_request(loop: Loop) -> None:
    loop.submit(1, "break")
    with pytest.raises(ZeroDivisionError):
        loop.step()
    loop.scheduler.fail("a bug")
    assert loop.failure(1).kind == "internal"
    loop.submit(2, "Hi")
    loop.run()
    assert loop.text(2) == "Hello."
    loop.check_nothing_is_held()


def test_what_is_cancelled_is_not_cut(loop: Loop) -> None:
    for number in range(1, 4):
        loop.submit(number, LONG)
    loop.step()
    for number in range(1, 4):
        loop.inbox.cancel(number)
    loop.step()
    assert [loop.last(number).reason for number in range(1, 4)] == ["cancelled"] * 3
    backend_of(loop).may_cut.set()
    loop.submit(4, LONG)
    loop.run()
    assert loop.text(4) == "Hello."
    assert backend_of(loop).n_cut <= 2, "the one that was being cut, and the last"
    loop.check_nothing_is_held()
