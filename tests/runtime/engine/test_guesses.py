"""Guesses: right or wrong, the answer is the same, and what they were worth is told."""

import pytest

from runtime.engine.lookup import FIRST_GUESSES, Lookup
from tests.runtime.engine.loop import Loop

LINE = "the quick brown fox jumps over the lazy dog; "


class Oracle:
    """A draft model that knows the answer, or is wrong from the `n_right`-th guess on."""

    def __init__(self, answer: str, n_prompt: int, n_right: int) -> None:
        self.answer = answer.encode()
        self.n_prompt = n_prompt
        self.n_right = n_right
        self.forgotten: list[int] = []

    def guess(self, sequences: dict[int, list[int]], n_most: int) -> dict[int, list[int]]:
        return {key: self._after(tokens, n_most) for key, tokens in sequences.items()}

    def _after(self, tokens: list[int], n_most: int) -> list[int]:
        n_said = len(tokens) - self.n_prompt
        right = list(self.answer[n_said : n_said + n_most])
        return [token if at < self.n_right else token ^ 1 for at, token in enumerate(right)]

    def forget(self, key: int) -> None:
        self.forgotten.append(key)


@pytest.mark.parametrize("n_right", [0, 1, 3, 99])
@pytest.mark.parametrize("n_draft", [1, 4, 7])
def test_right_and_wrong_guesses_give_the_same_answer(n_right: int, n_draft: int) -> None:
    oracle = Oracle("Hello, world!", 2, n_right)
    loop = Loop(answer="Hello, world!", n_slots=2, n_draft=n_draft, guesser=oracle)
    for number in (1, 2):
        loop.submit(number, "Hi")
    loop.run()
    for number in (1, 2):
        end = loop.last(number)
        assert (loop.text(number), end.reason) == ("Hello, world!", "stop")
        assert end.timings.predicted_n == len("Hello, world!") + 1
        assert end.timings.draft_n >= end.timings.draft_n_accepted
        assert (end.timings.draft_n_accepted > 0) == (n_right > 0)
    assert oracle.forgotten == [1, 2]
    loop.check_nothing_is_held()


def test_right_guesses_save_steps() -> None:
    loop = Loop(answer="Hello, world!", n_slots=1, n_draft=6, guesser=Oracle("Hello, world!", 2, 99))
    loop.submit(1, "Hi")
    loop.run()
    assert len(loop.backend.runs) <= 4
    assert loop.last(1).timings.draft_n_accepted >= 10


@pytest.mark.parametrize("max_tokens", [1, 2, 3, 5, 8, 20])
def test_guesses_never_go_beyond_the_limit_of_tokens(max_tokens: int) -> None:
    loop = Loop(answer="x" * 50, n_draft=6, guesser=Oracle("x" * 50, 2, 99))
    loop.submit(1, "Hi", max_tokens=max_tokens)
    loop.run()
    assert (loop.text(), loop.last().reason) == ("x" * max_tokens, "length")
    assert loop.last().timings.predicted_n == max_tokens
    loop.check_nothing_is_held()


@pytest.mark.parametrize("n_prompt", range(1, 20))
def test_guesses_never_go_beyond_the_context(n_prompt: int) -> None:
    loop = Loop(answer="x" * 50, n_ctx=20, n_draft=6, guesser=Oracle("x" * 50, n_prompt, 99))
    loop.submit(1, "y" * n_prompt)
    loop.run()
    assert (len(loop.text()), loop.last().truncated) == (20 - n_prompt, True)
    assert all(work.position + len(work.tokens) <= 20 for work in loop.works)
    loop.check_nothing_is_held()


def test_an_answer_that_repeats_its_prompt_is_looked_up() -> None:
    loop = Loop(answer=LINE * 2, n_draft=16)
    loop.submit(1, LINE)
    loop.submit(2, "something else")
    loop.run()
    assert loop.text(1) == loop.text(2) == LINE * 2
    assert loop.last(1).timings.draft_n_accepted > len(LINE)
    assert len(loop.backend.runs) < 2 * len(LINE)
    loop.check_nothing_is_held()


def test_a_request_may_ask_for_none() -> None:
    loop = Loop(answer=LINE, n_draft=16)
    loop.submit(1, LINE, n_draft=0)
    loop.run()
    assert loop.last(1).timings.draft_n == 0
    assert len(loop.backend.runs) == len(LINE) + 1 + len(LINE) // 16


def test_a_request_may_ask_for_some_where_others_get_none() -> None:
    loop = Loop(answer=LINE)
    loop.submit(1, LINE, n_draft=8)
    loop.submit(2, LINE)
    loop.run()
    assert loop.last(1).timings.draft_n_accepted > 0
    assert loop.last(2).timings.draft_n == 0
    assert loop.text(1) == loop.text(2) == LINE


def test_many_sequences_share_the_rows_that_a_step_can_draw() -> None:
    loop = Loop(answer=LINE, n_draft=16, n_slots=4)
    for number in range(1, 5):
        loop.submit(number, f"{number} {LINE}")
    loop.run()
    most = max(sum(1 + work.n_guessed for work in works if work.sampler) for works in loop.backend.runs)
    assert 4 < most <= loop.backend.n_outputs
    assert {loop.text(number) for number in range(1, 5)} == {LINE}


def test_a_model_that_cannot_go_back_is_not_guessed_for() -> None:
    loop = Loop(answer=LINE, n_draft=16, can_trim=False)
    loop.submit(1, LINE)
    loop.run()
    assert (loop.text(1), loop.last(1).timings.draft_n) == (LINE, 0)


def test_guesses_of_a_lookup_grow_while_they_are_right_and_shrink_when_they_are_not() -> None:
    lookup, tokens = Lookup(32), list(range(50)) * 2 + [0, 1, 2]
    sizes = []
    for n_right in (4, 8, 16, 2, 0, 0, 0, 0):
        guesses = lookup.guess(tokens, 100)
        assert guesses == list(range(3, 3 + len(guesses)))
        sizes.append(len(guesses))
        lookup.judge(len(guesses), n_right)
    assert sizes == [FIRST_GUESSES, 8, 16, 32, 16, 8, 4, 2]


def test_a_lookup_takes_the_last_place_where_the_words_stood() -> None:
    assert Lookup(4).guess([1, 2, 3, 7, 7, 1, 2, 3, 9, 9, 1, 2, 3], 2) == [9, 9]
    assert Lookup(4).guess([1, 2, 3, 4], 2) == []
    assert Lookup(4).guess([1, 2], 2) == []
