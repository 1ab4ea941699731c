"""The step loop with one request at a time: what it answers, what it refuses, how it ends."""

import pytest

from runtime.engine.backends.fake import END, FakeBackend
from runtime.engine.protocol import Admitting, Chat, Delta, Sampling, Started
from tests.runtime.engine.loop import Loop


def test_an_answer_from_start_to_end() -> None:
    loop = Loop(answer="Hello.")
    loop.submit(prompt="Hi", sampling=Sampling(seed=7))
    loop.run()
    assert loop.events[0] == Admitting(id=1), "before native code sees anything of it"
    assert loop.of()[0] == Started(id=1, prompt="Hi", n_prompt=2, n_cached=0, slot=0)
    assert loop.text() == "Hello."
    assert loop.tokens() == [*b"Hello.", END]
    end = loop.last()
    assert (end.reason, end.seed, end.truncated, end.has_new_line) == ("stop", 7, False, False)
    assert (end.timings.cache_n, end.timings.prompt_n, end.timings.predicted_n) == (0, 2, 7)
    assert end.timings.prompt_ms > 0 and end.timings.predicted_ms >= 0
    loop.check_nothing_is_held()


def test_chat_turns_become_a_prompt() -> None:
    loop = Loop()
    loop.submit(prompt=None, chat=Chat(messages=[{"role": "user", "content": "Hi"}]))
    loop.run()
    assert loop.started().prompt == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_a_prompt_of_token_ids() -> None:
    loop = Loop()
    loop.submit(prompt=[*"Grüße".encode()])
    loop.run()
    assert (loop.started().prompt, loop.started().n_prompt) == ("Grüße", 7)


def test_a_long_prompt_is_computed_in_chunks_and_drawn_from_once() -> None:
    loop = Loop(n_chunk=10)
    loop.submit(prompt="x" * 25, max_tokens=1)
    loop.run()
    assert [(work.position, len(work.tokens), work.sampler is not None) for work in loop.works] == [
        (0, 10, False),
        (10, 10, False),
        (20, 5, True),
    ]


@pytest.mark.parametrize(
    ("max_tokens", "text", "reason"), [(-1, "Hello.", "stop"), (3, "Hel", "length"), (0, "", "length")]
)
def test_the_limit_of_tokens(max_tokens: int, text: str, reason: str) -> None:
    loop = Loop()
    loop.submit(max_tokens=max_tokens)
    loop.run()
    assert (loop.text(), loop.last().reason, loop.last().truncated) == (text, reason, False)
    assert loop.last().timings.prompt_n == 2


def test_a_full_context_ends_the_answer() -> None:
    loop = Loop(answer="x" * 100, n_ctx=20)
    loop.submit(prompt="y" * 10)
    loop.run()
    assert (loop.last().reason, loop.last().truncated, len(loop.text())) == ("length", True, 10)


@pytest.mark.parametrize("n_prompt", [20, 21, 500])
def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(n_prompt: int) -> None:
    loop = Loop(n_ctx=20)
    loop.submit(prompt=[1] * n_prompt)
    loop.run()
    failed = loop.failure()
    assert (failed.kind, failed.n_prompt, failed.n_ctx) == ("context", n_prompt, 20)


def test_the_longest_prompt_that_fits_leaves_room_for_one_token() -> None:
    loop = Loop(n_ctx=20)
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


@pytest.mark.parametrize("prompt", ["", []])
def test_an_empty_prompt_ends_at_once(prompt: str | list[int]) -> None:
    loop = Loop()
    loop.submit(prompt=prompt)
    loop.run()
    assert loop.started().n_prompt == 0
    assert (loop.last().reason, loop.last().timings.predicted_n) == ("stop", 0)
    loop.check_nothing_is_held()


def test_a_refused_request_costs_no_other_one_anything() -> None:
    loop = Loop(n_slots=1)
    loop.submit(1, "before")
    loop.submit(2, [999])
    loop.submit(3, "x" * 1000)
    loop.submit(4, "after")
    loop.run()
    assert [loop.failure(2).kind, loop.failure(3).kind] == ["invalid", "context"]
    assert loop.text(1) == loop.text(4) == "Hello."
    loop.check_nothing_is_held()


def test_stop_cancels_everything() -> None:
    loop = Loop(n_slots=1)
    for number in (1, 2, 3):
        loop.submit(number)
    loop.step(3)
    loop.inbox.stop()
    assert loop.scheduler.step() is False
    assert [loop.last(number).reason for number in (1, 2, 3)] == ["cancelled"] * 3
    assert all(sampler.is_closed for sampler in loop.backend.samplers)


def test_a_failing_step_costs_only_what_runs() -> None:
    loop = Loop(n_slots=1)
    loop.submit(1, "abc")
    loop.submit(2, "abc")
    loop.step(2)
    loop.scheduler.fail("it broke")
    loop.run()
    assert (loop.failure(1).kind, loop.failure(1).message) == ("internal", "it broke")
    assert (loop.text(2), loop.last(2).timings.cache_n) == ("Hello.", 0), "nothing of the failed one is trusted"
    loop.check_nothing_is_held()


def test_a_step_that_was_stopped_for_nothing_is_done_again() -> None:
    loop = Loop()
    loop.submit(1)
    loop.step()
    loop.backend.interrupt()
    loop.run()
    assert (loop.text(1), loop.last(1).reason) == ("Hello.", "stop")


def test_probabilities_are_told_with_the_text_they_belong_to() -> None:
    loop = Loop(answer="Ω!")
    loop.submit(n_probs=1)
    loop.run()
    deltas = [event for event in loop.of() if isinstance(event, Delta)]
    assert [[probability.id for probability in delta.probabilities] for delta in deltas] == [[206, 169], [33], [END]]


def test_an_answer_that_takes_too_long_ends_after_its_first_line() -> None:
    loop = Loop(FakeBackend("one two\nthree four", step_s=0.01))
    loop.submit(max_ms=1)
    loop.run()
    assert loop.text() == "one two\n"
    assert (loop.last().reason, loop.last().truncated) == ("length", False)


def test_an_answer_ends_with_the_first_line_that_is_indented_too_little() -> None:
    loop = Loop(answer="def f():\n    return 1\n  \n    x\nprint()")
    loop.submit(n_indent=4)
    loop.run()
    assert loop.text() == "def f():\n    return 1\n  "
    assert loop.last().reason == "length" and not loop.last().truncated
