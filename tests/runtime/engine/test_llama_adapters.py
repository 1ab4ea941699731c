"""Trained adapters: each request of a mixed batch is answered in the voice of its own."""

from collections.abc import Iterator

import pytest

from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.protocol import Chat
from runtime.engine.template import ChatTemplate
from tests.adapters.voices import BEGINNING_TOKENS, PIRATE, QUESTIONS, voice
from tests.models import smollm2_gguf
from tests.runtime.engine.llama_engine import Engine, load

VOICES = {
    "pirate": [("pirate", 1.0)],
    "robot": [("robot", 1.0)],
    "both": [("pirate", 0.5), ("robot", 0.5)],
    "nobody": [],
}


@pytest.fixture(scope="module")
def backend() -> LlamaBackend:
    return load(smollm2_gguf(), lora_dir=str(PIRATE.parent), n_parallel=8, adapter_bytes=1 << 30)


@pytest.fixture
def engine(backend: LlamaBackend) -> Iterator[Engine]:
    engine = Engine(backend)
    yield engine
    engine.close()


def prompt(backend: LlamaBackend, question: str) -> str:
    facts = backend.facts
    template = ChatTemplate(facts.chat_template, facts.bos_token, facts.eos_token, strip_bos=False, strip_eos=False)
    return template.render(Chat(messages=[{"role": "user", "content": question}]))


def test_each_request_of_a_mixed_batch_has_its_own_voice(engine: Engine, backend: LlamaBackend) -> None:
    expected = {}
    for question in QUESTIONS[:4]:
        for name, adapters in VOICES.items():
            expected[engine.ask(prompt(backend, question), BEGINNING_TOKENS, adapters=adapters)] = name
    engine.run()
    assert {number: voice(engine.text(number)) for number in expected} == expected


def test_weight_nothing_is_the_model_as_it_is(engine: Engine, backend: LlamaBackend) -> None:
    asked = prompt(backend, QUESTIONS[1])
    plain = engine.answer(asked, 8)
    assert engine.answer(asked, 8, adapters=[("pirate", 0.0)]) == plain
    assert engine.answer(asked, 8, adapters=None) == plain, "a folder alone applies nothing"
    assert engine.inspect().adapters == [[]]


def test_twice_at_half_weight_is_once_at_whole(engine: Engine, backend: LlamaBackend) -> None:
    asked = prompt(backend, QUESTIONS[2])
    whole = engine.answer(asked, 8, adapters=[("robot", 1.0)])
    assert engine.answer(asked, 8, adapters=[("robot", 0.5), ("robot", 0.5)]) == whole
    assert engine.last(2).timings.prompt_n == 1, "the same set shares its prompts"


def test_an_unknown_adapter_and_a_scale_that_is_no_number(engine: Engine) -> None:
    number = engine.ask("Hi", adapters=[("nobody-knows", 1.0)])
    engine.run()
    assert (engine.failure(number).kind, "nobody-knows" in engine.failure(number).message) == ("missing", True)
    for scale in (float("nan"), float("inf"), 1e30):
        number = engine.ask("Hi", adapters=[("pirate", scale)])
        engine.run()
        assert engine.failure(number).kind == "invalid"
    assert engine.answer("Hi", 2).tokens


def test_the_voices_stay_apart_after_cancels(engine: Engine, backend: LlamaBackend) -> None:
    for turn in range(2):
        numbers = [
            engine.ask(prompt(backend, QUESTIONS[turn]), BEGINNING_TOKENS, adapters=adapters)
            for adapters in VOICES.values()
        ]
        engine.step(3 + turn)
        for number in numbers[turn::2]:
            engine.inbox.cancel(number)
    engine.run()
    expected = {
        engine.ask(prompt(backend, QUESTIONS[0]), BEGINNING_TOKENS, adapters=adapters): name
        for name, adapters in VOICES.items()
    }
    engine.run()
    assert {number: voice(engine.text(number)) for number in expected} == expected
