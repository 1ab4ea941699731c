"""A real draft model: the model itself, so that what it guesses can be held against what comes out."""

from pathlib import Path

import pytest

from runtime.errors import ModelUnsupported
from tests.models import smollm2_gguf
from tests.runtime.engine.llama_engine import load

COUNTING = "1, 2, 3, 4, 5, 6, 7, 8, 9,"
TINY = Path(__file__).resolve().parents[2] / "data" / "tinyvlm-F16.gguf"


def test_it_guesses_what_the_model_would_say_and_follows_it_to_another_answer() -> None:
    backend = load(smollm2_gguf(), n_ctx=512, draft_path=str(smollm2_gguf()))
    draft = backend.guesser()
    assert draft
    prompt, other = backend.tokenize(COUNTING), backend.tokenize("Monday, Tuesday, Wednesday, Thursday,")
    first = draft.guess({1: prompt}, 4)[1]
    assert b"".join(map(backend.piece, first)).startswith(b" 10")
    both = draft.guess({1: prompt, 2: other}, 4)
    assert both[1] == first, "what it had guessed before is forgotten, not believed"
    assert both[2] == draft.guess({3: other}, 4)[3]
    draft.forget(1)
    draft.forget(1)
    assert draft.guess({1: prompt}, 4)[1] == first


def test_another_vocabulary_is_refused() -> None:
    backend = load(smollm2_gguf(), n_ctx=512, draft_path=str(TINY))
    with pytest.raises(ModelUnsupported, match="same vocabulary"):
        backend.guesser()
