"""The way of one model from what somebody wrote: known names, paths, and helpful refusals."""

from pathlib import Path

import pytest

from bundler import fetch
from bundler.recipe import WantedModel
from bundler.sources import Provenance, obtain
from runtime.errors import ModelNotFound


def test_a_path(tmp_path: Path) -> None:
    path = tmp_path / "My model.gguf"
    path.write_bytes(b"GGUF")
    located = obtain.locate(WantedModel(str(path)))
    assert (located.size_bytes, located.is_here, located.provenance) == (4, True, Provenance("My model.gguf"))
    assert located.fetch(fetch.quiet) == path


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("smolm2", "`smollm2`"),
        ("qwen2.5-coder", "`qwen2.5-coder-1.5b`"),
        ("zzz", "the known models are smollm2, qwen2.5-coder-1.5b"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ModelNotFound) as raised:
        obtain.locate(WantedModel(name))
    assert hint in str(raised.value)


def test_a_path_that_is_nearly_right(tmp_path: Path) -> None:
    (tmp_path / "model-q4.gguf").write_bytes(b"")
    with pytest.raises(ModelNotFound, match=r"but there is `.*model-q4\.gguf`"):
        obtain.locate(WantedModel(str(tmp_path / "model_q4.gguf")))
