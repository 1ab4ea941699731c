"""The budget for thoughts in the step loop: where a thought is ended, and that nothing else changes."""

import pytest

from runtime.engine.protocol import Chat, Delta, Thought
from tests.runtime.engine.loop import Loop
from tests.runtime.engine.test_guesses import Oracle

OPEN, CLOSE = "<think>", "</think>"
THOUGHT = "one two three four "
REST = f"{THOUGHT}{CLOSE}Done."


def limit(budget: int, *, ends: tuple[str, ...] = (CLOSE,), message: str = "", begin: str = OPEN) -> Thought:
    return Thought(begin=begin, ends=list(ends), budget_tokens=budget, message=message)


def said(answer: str, thought: Thought | None, prompt: str = "Hi", **more: object) -> str:
    """What a model says that wants to say `answer`; each of its tokens is a byte."""
    loop = Loop(answer=answer)
    loop.submit(1, prompt, thought=thought, **more)
    loop.run()
    loop.check_nothing_is_held()
    return loop.text()


@pytest.mark.parametrize("budget", range(len(THOUGHT)))
def test_a_thought_ends_after_exactly_so_many_tokens(budget: int) -> None:
    ended = f"{REST[:budget]}{CLOSE}{REST[budget:]}"
    assert said(OPEN + REST, limit(budget)) == OPEN + ended
    assert said(REST, limit(budget), prompt=f"Hi{OPEN}\n") == ended


@pytest.mark.parametrize("budget", [len(THOUGHT) + 1, len(THOUGHT) + 8, 1000])
def test_a_thought_within_its_budget_ends_by_itself(budget: int) -> None:
    assert said(OPEN + REST, limit(budget)) == OPEN + REST
    assert said(REST, limit(budget), prompt=OPEN) == REST


def test_a_mark_that_has_begun_is_finished_by_the_model() -> None:
    for budget in range(len(THOUGHT) + 1, len(THOUGHT) + len(CLOSE)):
        assert said(REST, limit(budget), prompt=OPEN) == REST


def test_what_only_looks_like_a_mark_delays_the_end_by_eight_tokens_at_most() -> None:
    assert said("a</thi nk", limit(2), prompt=OPEN) == f"a</thi {CLOSE}nk"
    assert said("<" * 40, limit(2), prompt=OPEN) == "<" * 10 + CLOSE + "<" * 30


@pytest.mark.parametrize(("budget", "whole"), [(1, "a"), (2, "aé"), (3, "aé"), (4, "aé€"), (6, "aé€"), (7, "aé€😀")])
def test_characters_are_finished_first(budget: int, whole: str) -> None:
    assert said("aé€😀!", limit(budget), prompt=OPEN) == f"{whole}{CLOSE}{'aé€😀!'[len(whole) :]}"


def test_a_sentence_is_said_before_the_mark() -> None:
    assert said(REST, limit(3, message=" Enough.\n"), prompt=OPEN) == f"one Enough.\n{CLOSE}{REST[3:]}"


def test_any_of_several_marks_ends_a_thought_and_the_first_is_forced() -> None:
    ends = (CLOSE, "[CALL]")
    assert said("one[CALL]two three", limit(9, ends=ends), prompt=OPEN) == "one[CALL]two three"
    assert said("one[CALL]two three", limit(2, ends=ends), prompt=OPEN) == f"on{CLOSE}e[CALL]two three"


def test_all_thoughts_share_one_budget() -> None:
    answer = f"{OPEN}ab{CLOSE} {OPEN}cdefgh{CLOSE}!"
    spent = 2 + len(CLOSE)
    assert said(answer, limit(spent + 3)) == f"{OPEN}ab{CLOSE} {OPEN}cde{CLOSE}fgh{CLOSE}!"
    assert said(answer, limit(spent)) == f"{OPEN}ab{CLOSE} {OPEN}{CLOSE}cdefgh{CLOSE}!"


@pytest.mark.parametrize("prompt", ["Hi", f"{OPEN}x{CLOSE}", f"What does {OPEN} mean?"])
@pytest.mark.parametrize("answer", ["No thought at all.", f"Thoughts begin with {OPEN} and go on.", "<thin", "  <b>"])
def test_an_answer_that_speaks_of_thoughts_is_none(prompt: str, answer: str) -> None:
    assert said(answer, limit(2), prompt=prompt) == answer


def test_a_thought_may_begin_after_blanks() -> None:
    assert said(f"\n \n{OPEN}abcdef", limit(2)) == f"\n \n{OPEN}ab{CLOSE}cdef"


@pytest.mark.parametrize(
    ("prefill", "text"),
    [
        (f"{OPEN}I", f"ab{CLOSE}cdef"),
        (f"{OPEN}I{CLOSE}So", "abcdef"),
        (f"\n{CLOSE}\n\n", "abcdef"),
        ("So", "abcdef"),
        ("", "abcdef"),
    ],
)
def test_an_answer_that_is_gone_on_with_is_where_its_beginning_has_left_it(prefill: str, text: str) -> None:
    loop = Loop(answer="abcdef")
    chat = Chat(messages=[{"role": "user", "content": "Hi"}], prefill=prefill)
    loop.submit(1, None, chat=chat, thought=limit(2))
    loop.run()
    assert loop.text() == text


def test_forced_tokens_are_told_as_all_others_and_count() -> None:
    loop = Loop(answer=REST)
    loop.submit(1, OPEN, thought=limit(4), n_probs=1, max_tokens=10)
    loop.run()
    told = [one for event in loop.of() if isinstance(event, Delta) for one in event.probabilities]
    assert (loop.text(), loop.last().reason) == ("one </thin", "length")
    assert [one.id for one in told] == loop.tokens() == list(b"one </thin")


def test_a_stop_string_is_seen_in_what_is_forced() -> None:
    loop = Loop(answer=REST)
    loop.submit(1, OPEN, thought=limit(4), stop=[CLOSE])
    loop.run()
    assert (loop.text(), loop.last().reason, loop.last().stopping_word) == ("one ", "word", CLOSE)


def test_only_the_request_with_a_budget_is_held_to_it() -> None:
    loop = Loop(answer=REST, n_slots=3)
    loop.submit(1, OPEN)
    loop.submit(2, OPEN, thought=limit(3))
    loop.submit(3, OPEN, thought=limit(7))
    loop.run()
    assert loop.text(1) == REST
    assert loop.text(2) == f"{REST[:3]}{CLOSE}{REST[3:]}"
    assert loop.text(3) == f"{REST[:7]}{CLOSE}{REST[7:]}"
    loop.check_nothing_is_held()


@pytest.mark.parametrize("budget", range(len(THOUGHT)))
@pytest.mark.parametrize("n_draft", [1, 5, 16])
def test_guesses_do_not_run_past_the_end_of_a_thought(budget: int, n_draft: int) -> None:
    loop = Loop(answer=REST, n_draft=n_draft, guesser=Oracle(REST, len(OPEN), 99))
    loop.submit(1, OPEN, thought=limit(budget))
    loop.run()
    assert loop.text() == f"{REST[:budget]}{CLOSE}{REST[budget:]}"
    loop.check_nothing_is_held()


def test_a_thought_that_repeats_itself_is_guessed_up_to_its_end() -> None:
    answer = "again and " * 8
    loop = Loop(answer=answer, n_draft=8, n_ctx=512)
    loop.submit(1, OPEN, thought=limit(45))
    loop.run()
    assert loop.text() == f"{answer[:45]}{CLOSE}{answer[45:]}"
    assert loop.last().timings.draft_n_accepted > 20


def test_what_is_forced_is_computed_in_one_step() -> None:
    loop = Loop(answer="abc", n_draft=16)
    loop.submit(1, OPEN, thought=limit(1, message=" Enough."))
    loop.run()
    assert loop.text() == f"a Enough.{CLOSE}bc"
    assert 1 + len(" Enough.") + len(CLOSE) in [len(work.tokens) for work in loop.works]


def test_a_request_that_is_put_back_keeps_its_count() -> None:
    loop = Loop(answer=REST, n_slots=2, n_cells=60)
    for number in (1, 2):
        loop.submit(number, f"{number}{OPEN}", thought=limit(12))
    loop.run()
    assert {loop.text(1), loop.text(2)} == {f"{REST[:12]}{CLOSE}{REST[12:]}"}


@pytest.mark.parametrize(
    "thought",
    [limit(5, begin=""), limit(5, begin="  "), limit(5, ends=()), limit(5, ends=("",)), limit(5, begin="x" * 257)],
)
def test_marks_that_cannot_be_are_refused(thought: Thought) -> None:
    loop = Loop()
    loop.submit(1, thought=thought)
    loop.run()
    assert loop.failure().kind == "invalid"
