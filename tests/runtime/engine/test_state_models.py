"""Models that keep a state or a window: an answer from a checkpoint is the answer of a fresh computation."""

import random
from pathlib import Path

import pytest

from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.protocol import Prompted, SlotDone
from tests import state_models
from tests.runtime.engine.llama_engine import Answer, Engine, load

N_TOKENS = 16
KINDS = ("recurrent", "hybrid", "window")


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written: Path = getattr(state_models, request.param)(tmp_path_factory.mktemp("models") / "model.gguf")
    return written


@pytest.fixture(scope="module")
def backend(model: Path) -> LlamaBackend:
    return load(model, n_parallel=4)


@pytest.fixture(scope="module")
def reference(model: Path) -> LlamaBackend:
    """The same model, for fresh computations."""
    return load(model, n_parallel=4)


@pytest.fixture
def engine(backend: LlamaBackend) -> Engine:
    return Engine(backend)


def letters(seed: int, n: int) -> list[int]:
    """So many tokens of noise, none of them special."""
    dice = random.Random(seed)
    return [dice.randrange(8, 60) for _ in range(n)]


def fresh(reference: LlamaBackend, prompt: list[int]) -> Answer:
    return Engine(reference).answer(prompt, N_TOKENS, cache_prompt=False)


def test_the_model_cannot_be_cut(backend: LlamaBackend) -> None:
    assert not backend.open(()).can_trim


def test_different_prompts_have_different_answers(reference: LlamaBackend) -> None:
    """Else the tests below would show nothing."""
    said = {tuple(fresh(reference, [*letters(1, 45), odd, *letters(2, 5)]).tokens) for odd in range(8, 20)}
    assert len(said) > 4


def test_the_same_prompt_again(reference: LlamaBackend, engine: Engine) -> None:
    prompt = letters(1, 300)
    expected = fresh(reference, prompt)
    assert [engine.answer(prompt, N_TOKENS) for _ in range(3)] == [expected] * 3
    assert engine.last(3).timings.cache_n == 299


def test_the_next_turn(reference: LlamaBackend, engine: Engine) -> None:
    turn = letters(2, 200)
    for _ in range(3):
        said = engine.answer(turn, N_TOKENS)
        assert said == fresh(reference, turn)
        assert engine.last(engine.n_asked).timings.cache_n >= (len(turn) - 60 if engine.n_asked > 1 else 0)
        turn = [*turn, *said.tokens, *letters(len(turn), 20)]


def test_forks(reference: LlamaBackend, engine: Engine) -> None:
    base = letters(3, 100)
    prompts = [base + letters(seed, 30) for seed in range(4, 9)]
    expected = [fresh(reference, prompt) for prompt in prompts]
    assert [engine.answer(prompt, N_TOKENS) for prompt in prompts] == expected
    assert engine.last(5).timings.cache_n >= 100


def test_prompts_that_begin_alike_at_once(reference: LlamaBackend, engine: Engine) -> None:
    base = letters(3, 100)
    prompts = [base + letters(seed, 30) for seed in range(4, 12)] + [base, base]
    expected = [fresh(reference, prompt) for prompt in prompts]
    numbers = [engine.ask(prompt, N_TOKENS) for prompt in prompts]
    engine.run()
    assert [engine.said(number) for number in numbers] == expected


def test_after_cancels_and_interrupted_steps(backend: LlamaBackend, reference: LlamaBackend, engine: Engine) -> None:
    prompts = [letters(seed, 150) for seed in range(20, 24)]
    expected = [fresh(reference, prompt) for prompt in prompts]
    for n_steps in (1, 2, 4):
        numbers = [engine.ask(prompt, N_TOKENS) for prompt in prompts]
        engine.step(n_steps)
        resume, backend.resume = backend.resume, lambda: None  # type: ignore[method-assign]
        backend.interrupt()
        engine.step()
        backend.resume = resume  # type: ignore[method-assign]
        for number in numbers[::2]:
            engine.inbox.cancel(number)
        engine.run()
        assert [engine.said(number) for number in numbers[1::2]] == expected[1::2]
    assert [engine.answer(prompt, N_TOKENS) for prompt in prompts] == expected


def test_after_save_and_restore(backend: LlamaBackend, reference: LlamaBackend, engine: Engine, tmp_path: Path) -> None:
    prompt = letters(30, 120)
    said = engine.answer(prompt, N_TOKENS, slot=1)
    saved = engine.act(100, 1, "save", tmp_path / "slot")
    assert isinstance(saved, SlotDone), saved
    turn = [*prompt, *said.tokens, *letters(31, 20)]
    expected = fresh(reference, turn)
    other = Engine(backend)
    restored = other.act(100, 0, "restore", tmp_path / "slot")
    assert isinstance(restored, SlotDone) and restored.n_tokens == saved.n_tokens, restored
    assert other.answer(turn, N_TOKENS) == expected
    assert other.last(1).timings.cache_n == saved.n_tokens


def test_probabilities_of_prompts_are_told_beside_each_other(engine: Engine) -> None:
    prompts = [letters(seed, 90) for seed in range(40, 43)]
    numbers = [engine.ask(prompt, 4, prompt_probs=2) for prompt in prompts]
    engine.run()
    for number, prompt in zip(numbers, prompts, strict=True):
        told = [one for event in engine.of(number) if isinstance(event, Prompted) for one in event.probabilities]
        assert [one.id for one in told] == prompt
        (last,) = engine.answer(prompt[:-1], 1, cache_prompt=False).told
        for ours, theirs in zip(told[-1].top_logprobs, last.top_logprobs, strict=True):
            assert abs(ours.logprob - theirs.logprob) < 0.01
