"""A thought that is broken off, in every family: its grammar lets the mark through, and the rest is read as ever."""

import pytest

from runtime.chat import Conversation, ThoughtMarks, find
from runtime.engine.budget import Budget, Marks
from runtime.engine.constraints import Constraints, Matcher
from tests.runtime.chat.asking import calls_of, read, thought
from tests.runtime.chat.families import SAMPLES, Sample
from tests.runtime.chat.test_families import answer_of, asked
from tests.runtime.chat.vocabularies import Bytes

THINKING = [one for one in SAMPLES if one.thought or one.form == "harmony"]

each = pytest.mark.parametrize("sample", THINKING, ids=[f"{one.form}-{index}" for index, one in enumerate(THINKING)])


@each
@pytest.mark.parametrize("choice", ["required", "auto"])
@pytest.mark.parametrize("n_tokens", [0, 1, 5])
def test_a_thought_that_is_broken_off_is_a_thought(sample: Sample, choice: str, n_tokens: int) -> None:
    form, conversation, calls = asked(sample, choice=choice)
    marks, prepared = form.thought_marks(conversation), form.prepare(conversation, None)
    assert marks
    assert prepared.grammar
    vocabulary = Bytes(prepared.shown)
    matcher = Constraints(vocabulary).matcher(prepared.grammar)
    whole = answer_of(sample, calls)
    answer = broken_off(whole, n_tokens, marks, vocabulary, matcher, is_open=sample.prompt.rstrip() == marks.begin)
    assert len(answer) < len(whole)
    pieces = read(form, conversation, sample.prompt, [answer])
    assert thought(pieces) in ("", "\nI see"[:n_tokens].strip(), "I see"[:n_tokens])
    assert calls_of(pieces) == calls


def broken_off(
    whole: str, n_tokens: int, marks: ThoughtMarks, vocabulary: Bytes, matcher: Matcher, is_open: bool
) -> str:
    """Return what a model says that would say `whole` and, broken off, goes on as if it had thought to the end."""
    begin, ends = marks.begin.encode(), [end.encode() for end in marks.ends]
    closing = vocabulary.with_marks(marks.ends[0])
    budget = Budget(Marks(begin, ends, closing, is_everywhere=False), n_tokens, vocabulary.token_bytes, is_open)
    budget.begin(matcher.allows)
    said: list[int] = []
    rest = vocabulary.with_marks(whole)
    while rest:
        token = budget.forced[0] if budget.forced else rest.pop(0)
        if budget.forced == [token]:
            rest = vocabulary.with_marks(whole.partition(marks.ends[0])[2])
        matcher.accept(token)
        budget.accept(token)
        said.append(token)
    return b"".join(map(vocabulary.token_bytes, said)).decode()


def test_only_a_call_that_may_begin_ends_a_thought() -> None:
    form = find("<tool_call> tools <think></think>")
    _, free, _ = asked(next(one for one in SAMPLES if one.form == "hermes"))
    _, bound, _ = asked(next(one for one in SAMPLES if one.form == "hermes"), choice="required")
    assert form.thought_marks(free) == ("<think>", ["</think>", "<tool_call>"])
    assert form.thought_marks(bound) == ("<think>", ["</think>"])
    assert form.thought_marks(Conversation(messages=[])) == ("<think>", ["</think>"])
    assert find("").thought_marks(free) is None
