"""Sampling with a real model: the order of the samplers counts, and probabilities are told before and after them."""

import math

import pytest

from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.protocol import Delta, SamplerName, Sampling, TokenProbability
from tests.models import smollm2_gguf
from tests.runtime.engine.llama_engine import Engine, load

PROMPT = "The best thing about the city is"
LINES = "The cat sat on the mat. The dog sat on the log. The bird sat on the branch. "
LOOPING = LINES * 2 + LINES[:20]


@pytest.fixture(scope="module")
def backend() -> LlamaBackend:
    return load(smollm2_gguf(), n_parallel=4)


@pytest.fixture
def engine(backend: LlamaBackend) -> Engine:
    return Engine(backend)


def told(engine: Engine, sampling: Sampling, n_tokens: int = 1, **more: object) -> list[TokenProbability]:
    number = engine.ask(PROMPT, n_tokens, sampling=sampling, **{"n_probs": 60, **more})
    engine.run()
    return [one for event in engine.of(number) if isinstance(event, Delta) for one in event.probabilities]


def after(engine: Engine, *samplers: SamplerName, **values: float) -> list[TokenProbability]:
    """What these samplers leave of the first token's candidates, likeliest first."""
    sampling = Sampling(samplers=list(samplers), seed=1, **values)  # type: ignore[arg-type]
    return told(engine, sampling, post_sampling=True)[0].top_logprobs


def test_before_sampling_they_are_those_of_the_model(engine: Engine) -> None:
    (plain,) = told(engine, Sampling(temperature=0.0))
    (cut,) = told(engine, Sampling(temperature=5.0, top_k=1, seed=3))
    assert [one.id for one in cut.top_logprobs] == [one.id for one in plain.top_logprobs]
    assert cut.top_logprobs[3].logprob == pytest.approx(plain.top_logprobs[3].logprob, abs=1e-4)
    assert sum(math.exp(one.logprob) for one in plain.top_logprobs) < 1


@pytest.mark.parametrize("values", [{"top_k": 5}, {"top_k": 50, "top_p": 0.5}, {"min_p": 0.2}, {"top_n_sigma": 1.0}])
def test_after_sampling_they_sum_to_one(engine: Engine, values: dict[str, float]) -> None:
    (one,) = told(engine, Sampling(temperature=0.7, seed=1, **values), post_sampling=True)  # type: ignore[arg-type]
    assert sum(math.exp(left.logprob) for left in one.top_logprobs) == pytest.approx(1, abs=1e-4)
    assert one.id in [left.id for left in one.top_logprobs]
    assert len(one.top_logprobs) <= 50


def test_top_k_leaves_the_likeliest_as_they_were(engine: Engine) -> None:
    (plain,) = told(engine, Sampling(temperature=0.0))
    left = after(engine, "top_k", top_k=4)
    assert [one.id for one in left] == [one.id for one in plain.top_logprobs[:4]]
    total = sum(math.exp(one.logprob) for one in plain.top_logprobs[:4])
    for ours, models in zip(left, plain.top_logprobs, strict=False):
        assert math.exp(ours.logprob) == pytest.approx(math.exp(models.logprob) / total, abs=1e-3)


def test_the_order_of_the_samplers_counts(engine: Engine) -> None:
    early = after(engine, "temperature", "top_p", "top_k", temperature=4.0, top_p=0.6, top_k=60)
    late = after(engine, "top_p", "temperature", "top_k", temperature=4.0, top_p=0.6, top_k=60)
    assert len(early) > len(late), "a hot model is spread wider when it is cut"


def test_a_sampler_that_is_not_named_does_nothing(engine: Engine) -> None:
    assert len(after(engine, "temperature", top_k=3)) == 60
    assert len(after(engine, "top_k", top_k=3)) == 3
    assert len(after(engine, "top_k", "temperature", top_k=1, temperature=100.0)) == 1


def test_no_temperature_leaves_one(engine: Engine) -> None:
    (one,) = told(engine, Sampling(temperature=0.0), post_sampling=True)
    assert one.logprob == pytest.approx(0, abs=1e-6)
    assert math.exp(one.top_logprobs[0].logprob) == pytest.approx(1)


@pytest.mark.parametrize("mirostat", [1, 2])
def test_mirostat_repeats_with_its_seed(engine: Engine, mirostat: int) -> None:
    sampling = Sampling(mirostat=mirostat, seed=5)  # type: ignore[arg-type]
    runs = [[one.id for one in told(engine, sampling, 12)] for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_seed_gives_the_same_beside_others(engine: Engine) -> None:
    sampling = Sampling(temperature=1.2, seed=11)
    alone = [one.id for one in told(engine, sampling, 10)]
    numbers = [engine.ask(PROMPT, 10, sampling=Sampling(temperature=1.2, seed=seed)) for seed in (11, 12, 13)]
    engine.run()
    assert engine.tokens(numbers[0]) == alone
    assert len({tuple(engine.tokens(number)) for number in numbers}) == 3
    assert [engine.last(number).seed for number in numbers] == [11, 12, 13]


def test_dry_breaks_a_loop(engine: Engine) -> None:
    plain = engine.answer(LOOPING, 6)
    number = engine.ask(LOOPING, 6, sampling=Sampling(temperature=0.0, dry_multiplier=5.0, dry_allowed_length=1))
    engine.run()
    assert engine.tokens(number) != plain.tokens


def test_probabilities_of_guessed_tokens_are_their_own(backend: LlamaBackend) -> None:
    expected = Engine(backend).answer(LOOPING, 12)
    engine = Engine(backend, n_draft=8)
    answer = engine.answer(LOOPING, 12)
    assert engine.last(1).timings.draft_n_accepted > 0
    assert [one.id for one in answer.told] == answer.tokens
    assert answer == expected
