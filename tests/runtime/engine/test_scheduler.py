"""The step loop, driven by hand with a model made of arithmetic."""

from collections.abc import Sequence
from threading import Timer

import pytest

from runtime.engine.backends.fake import END, FakeBackend
from runtime.engine.inbox import Inbox
from runtime.engine.protocol import Delta, Event, Failed, Finished, Generate, Sampling, Started
from runtime.engine.scheduler import Scheduler
from runtime.engine.template import ChatTemplate

PATIENCE_STEPS = 10_000


class Loop:
    """A scheduler, its inbox, and everything it said."""

    def __init__(self, backend: FakeBackend | None = None, max_waiting: int = 8) -> None:
        self.backend = backend or FakeBackend()
        self.inbox = Inbox(max_waiting)
        self.events: list[Event] = []
        self.scheduler = Scheduler(self.backend, ChatTemplate("", "", ""), self.inbox, self.hear)

    def hear(self, events: Sequence[Event]) -> None:
        self.events += events

    def submit(self, number: int = 1, prompt: str | list[int] | None = "Hi", **more: object) -> None:
        assert self.inbox.submit(Generate(id=number, prompt=prompt, **more))  # type: ignore[arg-type]

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.scheduler.step()

    def run(self) -> None:
        """Step until every request that was submitted has ended."""
        for _ in range(PATIENCE_STEPS):
            if not self.inbox.current and not self.inbox._waiting:
                return
            self.scheduler.step()
        raise AssertionError("the requests do not end")

    def of(self, number: int = 1) -> list[Event]:
        return [event for event in self.events if getattr(event, "id", 0) == number]

    def last(self, number: int = 1) -> Finished:
        """The one end of a request."""
        ends = [event for event in self.of(number) if isinstance(event, Finished | Failed)]
        assert len(ends) == 1 and ends[0] is self.of(number)[-1]
        assert isinstance(ends[0], Finished)
        return ends[0]

    def failure(self, number: int = 1) -> Failed:
        (failed,) = [event for event in self.of(number) if isinstance(event, Failed)]
        assert not any(isinstance(event, Finished) for event in self.of(number))
        return failed

    def text(self, number: int = 1) -> str:
        return "".join(event.text for event in self.of(number) if isinstance(event, Delta))

    def tokens(self, number: int = 1) -> list[int]:
        return [token for event in self.of(number) if isinstance(event, Delta) for token in event.tokens]


def test_an_answer_from_start_to_end() -> None:
    loop = Loop(FakeBackend("Hello."))
    loop.submit(prompt="Hi", sampling=Sampling(seed=7))
    loop.run()
    started = loop.of()[0]
    assert started == Started(id=1, prompt="Hi", n_prompt=2, n_cached=0)
    assert loop.text() == "Hello."
    assert loop.tokens() == [*b"Hello.", END]
    end = loop.last()
    assert (end.reason, end.seed, end.truncated, end.has_new_line) == ("stop", 7, False, False)
    assert (end.timings.cache_n, end.timings.prompt_n, end.timings.predicted_n) == (0, 2, 7)
    assert end.timings.prompt_ms > 0 and end.timings.predicted_ms >= 0
    assert all(sampler.is_closed for sampler in loop.backend.samplers)


def test_chat_turns_become_a_prompt() -> None:
    loop = Loop()
    loop.submit(prompt=None, messages=[{"role": "user", "content": "Hi"}])
    loop.run()
    started = loop.of()[0]
    assert isinstance(started, Started)
    assert started.prompt == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_a_prompt_of_token_ids() -> None:
    loop = Loop()
    loop.submit(prompt=[*"Grüße".encode()])
    loop.run()
    assert loop.of()[0] == Started(id=1, prompt="Grüße", n_prompt=7, n_cached=0)


def test_a_long_prompt_is_computed_in_chunks_and_drawn_from_once() -> None:
    loop = Loop(FakeBackend(n_chunk=10, n_ctx=256))
    loop.submit(prompt="x" * 25, max_tokens=1)
    loop.run()
    works = [work for works in loop.backend.runs for work in works]
    assert [(work.position, len(work.tokens), work.sampler is not None) for work in works] == [
        (0, 10, False), (10, 10, False), (20, 5, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("max_tokens", "text", "reason"), [(-1, "Hello.", "stop"), (3, "Hel", "length"), (0, "", "length")]
)
def test_the_limit_of_tokens(max_tokens: int, text: str, reason: str) -> None:
    loop = Loop()
    loop.submit(max_tokens=max_tokens)
    loop.run()
    assert (loop.text(), loop.last().reason, loop.last().truncated) == (text, reason, False)


def test_a_stop_string_across_tokens_is_never_shown() -> None:
    loop = Loop(FakeBackend("one STOP two"))
    loop.submit(stop=["STOP"])
    loop.run()
    end = loop.last()
    assert (loop.text(), end.reason, end.stopping_word) == ("one ", "word", "STOP")
    assert loop.tokens() == [*b"one STOP"], "the tokens of the stop string are told, its text is not"


def test_what_only_looked_like_a_stop_string_is_shown_at_the_end() -> None:
    loop = Loop(FakeBackend("one ST"))
    loop.submit(stop=["STOP"])
    loop.run()
    assert (loop.text(), loop.last().reason) == ("one ST", "stop")


def test_characters_of_several_tokens_come_whole() -> None:
    loop = Loop(FakeBackend("Ω😀"))
    loop.submit()
    loop.run()
    deltas = [event for event in loop.of() if isinstance(event, Delta)]
    assert [delta.text for delta in deltas] == ["Ω", "😀", ""]
    assert [len(delta.tokens) for delta in deltas] == [2, 4, 1]


def test_a_full_context_ends_the_answer() -> None:
    loop = Loop(FakeBackend("x" * 100, n_ctx=20))
    loop.submit(prompt="y" * 10)
    loop.run()
    end = loop.last()
    assert (end.reason, end.truncated) == ("length", True)
    assert len(loop.text()) == 10


@pytest.mark.parametrize("n_prompt", [20, 21, 500])
def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(n_prompt: int) -> None:
    loop = Loop(FakeBackend(n_ctx=20))
    loop.submit(prompt=[1] * n_prompt)
    loop.run()
    failed = loop.failure()
    assert (failed.kind, failed.n_prompt, failed.n_ctx) == ("context", n_prompt, 20)


def test_the_longest_prompt_that_fits_leaves_room_for_one_token() -> None:
    loop = Loop(FakeBackend(n_ctx=20))
    loop.submit(prompt=[1] * 19)
    loop.run()
    assert (len(loop.text()), loop.last().truncated) == (1, True)


def test_a_huge_prompt_is_refused_before_it_is_cut_into_tokens() -> None:
    class NoTokenizer(FakeBackend):
        def tokenize(self, text: str) -> list[int]:
            raise AssertionError("it was asked to cut 2 MB")

    loop = Loop(NoTokenizer(n_ctx=20))
    loop.submit(prompt="x" * 2_000_000)
    loop.run()
    assert loop.failure().kind == "context"


@pytest.mark.parametrize("token", [-1, 257, 1_000_000, 2**40])
def test_token_ids_beyond_the_vocabulary_are_refused(token: int) -> None:
    loop = Loop()
    loop.submit(prompt=[1, token])
    loop.run()
    assert loop.failure().kind == "invalid"
    assert str(token) in loop.failure().message


def test_an_invalid_sampling_is_refused() -> None:
    loop = Loop()
    loop.submit(sampling=Sampling(temperature=float("nan")))
    loop.run()
    assert loop.failure().kind == "invalid"


def test_neither_prompt_nor_messages_is_refused() -> None:
    loop = Loop()
    loop.submit(prompt=None)
    loop.run()
    assert loop.failure().kind == "invalid"


def test_an_empty_prompt_ends_at_once() -> None:
    loop = Loop()
    loop.submit(prompt="")
    loop.run()
    assert (loop.last().reason, loop.last().timings.predicted_n) == ("stop", 0)


def test_the_next_prompt_continues_from_what_it_shares_with_the_last() -> None:
    loop = Loop(FakeBackend("Hello."))
    loop.submit(1, "abcdef", max_tokens=2)
    loop.run()
    loop.submit(2, "abcdefHxyz")
    loop.submit(3, "abX")
    loop.submit(4, "abX")
    loop.submit(5, "abX", cache_prompt=False)
    loop.run()
    cached = [event.n_cached for event in loop.events if isinstance(event, Started)]
    assert cached == [0, 7, 2, 2, 0]
    assert [loop.text(number) for number in (2, 3, 4, 5)] == ["Hello."] * 4
    assert loop.last(2).timings.cache_n == 7
    assert loop.last(2).timings.prompt_n == 3


def test_a_model_that_cannot_go_back_starts_over() -> None:
    class NoWayBack(FakeBackend):
        def keep(self, slot: int, n_tokens: int) -> int:
            if n_tokens < len(self.held):
                self.held.clear()
            return len(self.held)

    loop = Loop(NoWayBack())
    for number, prompt in enumerate(("abcdef", "abcxyz"), start=1):
        loop.submit(number, prompt)
        loop.run()
        assert loop.text(number) == "Hello."
    assert [event.n_cached for event in loop.events if isinstance(event, Started)] == [0, 0]


def test_cancel_while_waiting() -> None:
    loop = Loop()
    loop.submit(1)
    loop.submit(2)
    assert loop.inbox.cancel(2) is not None
    loop.run()
    assert loop.last(1).reason == "stop"
    assert loop.of(2) == []


def test_cancel_before_the_first_step() -> None:
    loop = Loop()
    loop.submit(1)
    loop.inbox.take()
    loop.inbox.cancel(1)
    loop.run()
    assert loop.of(1) == [loop.last(1)]
    assert loop.last(1).reason == "cancelled"


def test_cancel_within_the_prompt() -> None:
    loop = Loop(FakeBackend(n_chunk=10))
    loop.submit(1, "x" * 100)
    loop.step(3)
    loop.inbox.cancel(1)
    loop.run()
    assert loop.last(1).reason == "cancelled"
    assert len(loop.backend.runs) == 2
    loop.submit(2, "x" * 100)
    loop.run()
    assert (loop.last(2).timings.cache_n, loop.text(2)) == (20, "Hello.")


def test_cancel_within_the_answer_keeps_what_was_said() -> None:
    loop = Loop(FakeBackend("Hello."))
    loop.submit(1)
    loop.step(4)
    loop.inbox.cancel(1)
    loop.run()
    assert (loop.text(1), loop.last(1).reason, loop.last(1).timings.predicted_n) == ("Hel", "cancelled", 3)


def test_cancel_ends_a_step_that_is_running() -> None:
    loop = Loop(FakeBackend(step_s=30.0))
    loop.submit(1)
    Timer(0.05, loop.inbox.cancel, [1]).start()
    loop.run()
    assert loop.last(1).reason == "cancelled"
    assert loop.last(1).timings.prompt_ms < 10_000


def test_a_step_that_was_stopped_for_nothing_is_done_again() -> None:
    loop = Loop(FakeBackend())
    loop.submit(1)
    loop.step(1)
    loop.backend.interrupt()
    loop.run()
    assert (loop.text(1), loop.last(1).reason) == ("Hello.", "stop")


def test_cancel_of_what_is_gone_is_harmless() -> None:
    loop = Loop()
    loop.submit(1)
    loop.run()
    assert loop.inbox.cancel(1) is None
    loop.submit(2)
    loop.run()
    assert loop.last(2).reason == "stop"


def test_stop_cancels_everything() -> None:
    loop = Loop()
    loop.submit(1)
    loop.submit(2)
    loop.step(3)
    loop.inbox.stop()
    assert loop.scheduler.step() is False
    assert [loop.last(number).reason for number in (1, 2)] == ["cancelled", "cancelled"]


def test_a_failing_step_costs_only_its_request() -> None:
    loop = Loop()
    loop.submit(1, "abc")
    loop.submit(2, "abc")
    loop.step(2)
    loop.scheduler.fail("it broke")
    loop.run()
    assert (loop.failure(1).kind, loop.failure(1).message) == ("internal", "it broke")
    assert (loop.text(2), loop.last(2).timings.cache_n) == ("Hello.", 0)


def test_probabilities_are_told_with_the_text_they_belong_to() -> None:
    loop = Loop(FakeBackend("Ω!"))
    loop.submit(n_probs=1)
    loop.run()
    deltas = [event for event in loop.of() if isinstance(event, Delta)]
    assert [[probability.id for probability in delta.probabilities] for delta in deltas] == [[206, 169], [33], [END]]
