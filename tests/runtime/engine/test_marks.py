"""Special tokens that are shown: part of the text, seen by stop strings, and still the end of a turn."""

from collections.abc import Iterator

import pytest

from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.protocol import Delta, Sampling
from tests.models import smollm2_gguf
from tests.runtime.engine.llama_engine import Engine, load

MARK, MARK_TEXT = 6, "<filename>"
END, END_TEXT = 2, "<|im_end|>"
CERTAIN = 1e4


@pytest.fixture(scope="module")
def backend() -> LlamaBackend:
    return load(smollm2_gguf())


@pytest.fixture
def engine(backend: LlamaBackend) -> Iterator[Engine]:
    engine = Engine(backend)
    yield engine
    engine.close()


def say(engine: Engine, token: int, n_tokens: int = 3, **more: object) -> str:
    """What is shown of an answer that consists of one token again and again."""
    sampling = Sampling(temperature=0.0, logit_bias=[(token, CERTAIN)])
    number = engine.ask("Hi", n_tokens, sampling=sampling, **more)
    engine.run()
    assert engine.tokens(number)[0] == token
    return engine.text(number)


def test_the_model_says_marks_that_nobody_sees(engine: Engine) -> None:
    assert engine.backend.token_bytes(MARK) == MARK_TEXT.encode()
    assert say(engine, MARK) == ""


def test_shown_marks_are_text(engine: Engine) -> None:
    assert say(engine, MARK, shown=["no token", MARK_TEXT, ""]) == MARK_TEXT * 3


def test_stop_strings_see_them(engine: Engine) -> None:
    assert say(engine, MARK, shown=[MARK_TEXT], stop=["name><file"]) == "<file"
    assert engine.last(engine.n_asked).reason == "word"


def test_the_end_of_a_turn_is_never_shown(engine: Engine) -> None:
    assert say(engine, END, shown=[END_TEXT]) == ""
    assert engine.last(engine.n_asked).reason == "stop"


def test_other_requests_do_not_see_them(engine: Engine) -> None:
    first = engine.ask("Hi", 3, sampling=Sampling(temperature=0.0, logit_bias=[(MARK, CERTAIN)]), shown=[MARK_TEXT])
    assert say(engine, MARK) == ""
    assert engine.text(first) == MARK_TEXT * 3
    assert len([event for event in engine.of(first) if isinstance(event, Delta)]) == 3


def test_too_many_are_refused(engine: Engine) -> None:
    number = engine.ask("Hi", shown=[MARK_TEXT] * 1025)
    engine.run()
    assert "1025" in engine.failure(number).message
