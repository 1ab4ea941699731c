"""What is told about a prompt while it is read: how far it is, and how likely its tokens are."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from runtime.engine.backends.fake import FakeBackend
from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.protocol import Delta, Event, Failed, Progress, Prompted, Started, TokenProbability
from tests.models import smollm2_gguf
from tests.runtime.engine.llama_engine import NEAR_TIE, Engine, load
from tests.runtime.engine.loop import Loop

LONG = "Once upon a time there was a town, and in it a baker, who made bread. " * 3


def progress(loop: Loop, number: int = 1) -> list[tuple[int, int, int]]:
    found = [event for event in loop.of(number) if isinstance(event, Progress)]
    assert all(a.took_ms <= b.took_ms for a, b in pairwise(found))
    return [(event.n_prompt, event.n_cached, event.n_done) for event in found]


def told(loop: Loop, number: int = 1) -> list[TokenProbability]:
    return [one for event in loop.of(number) if isinstance(event, Prompted) for one in event.probabilities]


def kinds(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def test_progress_comes_after_each_chunk() -> None:
    loop = Loop(n_chunk=16)
    loop.submit(prompt="x" * 40, progress=True, max_tokens=1)
    loop.run()
    assert progress(loop) == [(40, 0, 0), (40, 0, 16), (40, 0, 32), (40, 0, 40)]
    assert kinds(loop.of()[:2]) == [Started, Progress]
    assert kinds(loop.of()[4:6]) == [Progress, Delta]


def test_progress_counts_what_was_known() -> None:
    loop = Loop(n_chunk=16)
    loop.submit(1, "x" * 40, max_tokens=0)
    loop.run()
    loop.submit(2, "x" * 40 + "y", progress=True)
    loop.run()
    assert progress(loop, 2) == [(41, 40, 40), (41, 40, 41)]


def test_nothing_is_told_unasked() -> None:
    loop = Loop()
    loop.submit(prompt="x" * 40)
    loop.run()
    assert not progress(loop) and not told(loop)


@pytest.mark.parametrize("length", [1, 2, 3, 33, 34, 100])
@pytest.mark.parametrize("max_tokens", [0, 4])
def test_each_token_of_the_prompt_is_told_once(length: int, max_tokens: int) -> None:
    loop = Loop(n_chunk=64)
    prompt = "abcdefghij" * 10
    loop.submit(1, prompt, max_tokens=0)
    loop.run()
    loop.submit(2, prompt[:length], max_tokens=max_tokens, prompt_probs=2)
    loop.run()
    assert "".join(one.token for one in told(loop, 2)) == prompt[:length]
    assert [len(one.top_logprobs) for one in told(loop, 2)] == [0] + [2] * (length - 1)
    assert loop.started(2).n_cached == 0
    assert loop.text(2) == "Hello."[:max_tokens]
    assert all(sum(len(work.tokens) for work in works if work.asked) <= 32 for works in loop.backend.runs)
    loop.check_nothing_is_held()


def test_an_empty_prompt_has_nothing_to_tell() -> None:
    loop = Loop()
    loop.submit(prompt="", prompt_probs=2)
    loop.run()
    assert not told(loop)


def test_a_put_back_prompt_is_not_told_twice() -> None:
    loop = Loop(n_ctx=256, n_cells=120, n_chunk=8, answer="a long answer " * 6)
    for number in (1, 2, 3):
        loop.submit(number, f"{number}" * 50, prompt_probs=0, max_tokens=60)
    loop.run()
    for number in (1, 2, 3):
        assert "".join(one.token for one in told(loop, number)) == f"{number}" * 50
    loop.check_nothing_is_held()


def test_prompts_without_questions_go_on_beside_it() -> None:
    loop = Loop(n_chunk=64, answer="an answer of some length")
    for number in range(1, 5):
        loop.submit(number, "x" * 60 + str(number), prompt_probs=1 if number % 2 else -1)
    loop.run()
    assert {loop.text(number) for number in range(1, 5)} == {"an answer of some length"}
    assert [len(told(loop, number)) for number in range(1, 5)] == [61, 0, 61, 0]


@pytest.fixture(scope="module")
def backend() -> LlamaBackend:
    return load(smollm2_gguf())


@pytest.fixture
def engine(backend: LlamaBackend) -> Iterator[Engine]:
    engine = Engine(backend)
    yield engine
    engine.close()


def test_probabilities_are_those_that_the_tokens_would_have_been_drawn_with(engine: Engine) -> None:
    tokens = engine.backend.tokenize("<|im_start|>user\n" + LONG)
    assert len(tokens) > engine.backend.n_outputs
    other = engine.ask(LONG[::-1], 8, prompt_probs=0)
    number = engine.ask(tokens, 1, prompt_probs=3)
    engine.run()
    found = told(engine, number)
    assert [one.id for one in found] == tokens
    assert b"".join(bytes(one.bytes) for one in found).decode() == "<|im_start|>user\n" + LONG
    assert found[0].logprob == 0.0 and not found[0].top_logprobs
    assert len(told(engine, other)) == engine.started(other).n_prompt
    for at in (1, 2, 17, len(tokens) - 1):
        ((expected,),) = [engine.answer(tokens[:at], 1, n_probs=3).told]
        for ours, theirs in zip(found[at].top_logprobs, expected.top_logprobs, strict=True):
            assert ours.id == theirs.id and abs(ours.logprob - theirs.logprob) < NEAR_TIE
        assert found[at].logprob <= found[at].top_logprobs[0].logprob


def test_the_answer_is_the_same(engine: Engine) -> None:
    assert engine.answer(LONG, 12, prompt_probs=0) == engine.answer(LONG, 12, cache_prompt=False)


def test_too_many_alternatives_are_refused(engine: Engine) -> None:
    number = engine.ask("Hi", prompt_probs=5000)
    engine.run()
    failed = engine.failure(number)
    assert isinstance(failed, Failed) and failed.kind == "invalid" and "5000" in failed.message


def test_fake_tells_what_it_is_asked() -> None:
    assert FakeBackend().n_outputs == 32, "the tests above count on it"
