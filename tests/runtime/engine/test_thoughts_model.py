"""The budget for thoughts with a real model: probabilities, seeds and grammars around what is forced."""

import math

import pytest

from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.protocol import Delta, Grammar, Sampling, Thought, TokenProbability
from tests.models import smollm2_gguf
from tests.runtime.engine.llama_engine import GREEDY, Engine, load

PROMPT = "Let us think step by step about the city of Paris.\n<think>\n"
CLOSE = "</think>"
SEEDED = Sampling(temperature=0.9, seed=5)


@pytest.fixture(scope="module")
def backend() -> LlamaBackend:
    return load(smollm2_gguf(), n_parallel=4)


def limit(budget: int, message: str = "") -> Thought:
    return Thought(begin="<think>", ends=[CLOSE], budget_tokens=budget, message=message)


def told(engine: Engine, number: int) -> list[TokenProbability]:
    return [one for event in engine.of(number) if isinstance(event, Delta) for one in event.probabilities]


@pytest.mark.parametrize("sampling", [GREEDY, SEEDED])
@pytest.mark.parametrize("n_draft", [0, 8])
def test_up_to_the_end_of_the_thought_the_answer_is_the_same(
    backend: LlamaBackend, sampling: Sampling, n_draft: int
) -> None:
    engine = Engine(backend, n_draft)
    free = engine.ask(PROMPT, 24, sampling=sampling)
    engine.run()
    for budget in (0, 1, 9):
        held = engine.ask(PROMPT, 24, sampling=sampling, thought=limit(budget))
        engine.run()
        closing = backend.tokenize(CLOSE, add_special=False)
        tokens = engine.tokens(held)
        assert tokens[:budget] == engine.tokens(free)[:budget]
        assert tokens[budget : budget + len(closing)] == closing
        assert len(tokens) == 24


def test_whatever_the_logits_say_the_mark_is_said(backend: LlamaBackend) -> None:
    closing = backend.tokenize(CLOSE, add_special=False)
    banned = Sampling(temperature=0.0, logit_bias=[(token, -math.inf) for token in closing])
    engine = Engine(backend)
    number = engine.ask(PROMPT, 12, sampling=banned, thought=limit(3))
    engine.run()
    assert engine.tokens(number)[3 : 3 + len(closing)] == closing


def test_forced_tokens_have_the_probability_that_the_model_gave_them(backend: LlamaBackend) -> None:
    engine = Engine(backend)
    n_closing = len(backend.tokenize(CLOSE, add_special=False))
    before = engine.ask(PROMPT, 10, thought=limit(2), n_probs=3)
    after = engine.ask(PROMPT, 10, thought=limit(2), n_probs=3, post_sampling=True, sampling=SEEDED)
    engine.run()
    assert [one.id for one in told(engine, before)] == engine.tokens(before)
    assert all(one.logprob <= one.top_logprobs[0].logprob for one in told(engine, before))
    assert told(engine, before)[2].logprob < told(engine, before)[2].top_logprobs[0].logprob
    forced = told(engine, after)[2 : 2 + n_closing]
    assert [(one.logprob, len(one.top_logprobs)) for one in forced] == [(0.0, 1)] * n_closing


def test_a_grammar_sees_what_is_forced(backend: LlamaBackend) -> None:
    engine = Engine(backend)
    grammar = Grammar(kind="lark", text=f'start: %until "{CLOSE}" /\\n?/ ("yes" | "no")')
    number = engine.ask(PROMPT, 40, grammar=grammar, thought=limit(5, " So:"))
    engine.run()
    thought, _, answer = engine.text(number).partition(CLOSE)
    assert (answer.strip() in ("yes", "no"), thought.endswith(" So:")) == (True, True)


def test_a_grammar_that_has_no_place_for_the_mark_counts_more(backend: LlamaBackend) -> None:
    engine = Engine(backend)
    grammar = Grammar(kind="regex", text="[a-z ]{30}")
    number = engine.ask(PROMPT, 40, grammar=grammar, thought=limit(5))
    engine.run()
    assert len(engine.text(number)) == 30
    assert CLOSE not in engine.text(number)


def test_beside_others(backend: LlamaBackend) -> None:
    engine = Engine(backend)
    free = engine.answer(PROMPT, 16)
    numbers = [engine.ask(PROMPT, 16, thought=limit(budget)) for budget in (4, 100)]
    engine.run()
    assert CLOSE in engine.text(numbers[0])
    assert engine.said(numbers[1]) == free
