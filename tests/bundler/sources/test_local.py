"""What a path on this computer means: by content, not by name; pickles and other things are told from models."""

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest

from bundler import fetch
from bundler.sources import Source, local
from runtime import gguf
from runtime.errors import LmfileError, ModelInvalid, ModelNotFound, ModelUnsupported
from tests.questions import TINY_MODEL


def opened(path: Path) -> Source:
    return local.open(path, fetch.quiet)


def test_a_file_is_packed_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "any name.bin"
    shutil.copy(TINY_MODEL, path)
    source = opened(path)
    assert (source.content, source.name, source.license) == (path, "any name", None)
    assert gguf.facts(source.file) == gguf.facts(gguf.read(TINY_MODEL))
    assert source.provenance.plain() == {"source": "any name.bin"}


def test_a_folder_with_one_model_in_it(tmp_path: Path) -> None:
    shutil.copy(TINY_MODEL, tmp_path / "m.gguf")
    (tmp_path / "README.md").write_text("read me")
    (tmp_path / "config.json").write_text("{}")
    assert opened(tmp_path).content == tmp_path / "m.gguf"
    shutil.copy(TINY_MODEL, tmp_path / "n.GGUF")
    with pytest.raises(ModelNotFound, match=r"a directory with 2 models in it \(`m.gguf`, `n.GGUF`\)"):
        opened(tmp_path)


def test_a_folder_without_one(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="a directory without a model"):
        opened(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelUnsupported, match=r"pytorch_model.bin`: it is a Python pickle"):
        opened(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelUnsupported, match="a LoRA adapter"):
        opened(tmp_path)


def test_what_a_hugging_face_folder_is(tmp_path: Path) -> None:
    assert not local.is_hf_folder(tmp_path)
    assert not local.is_hf_folder(tmp_path / "none")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    assert not local.is_hf_folder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert local.is_hf_folder(tmp_path)
    with pytest.raises(ModelUnsupported, match="Hugging Face layout"):
        opened(tmp_path)
    assert not local.is_hf_folder(TINY_MODEL)


@pytest.mark.parametrize("name", ["model.bin", "a.pt", "b.pth", "c.ckpt", "d.PKL"])
def test_pickles_are_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(ModelUnsupported, match="a Python pickle, which could run any program; save it as safetensors"):
        opened(tmp_path / name)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_refused_by_content(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "model.gguf").write_bytes(pickle.dumps({"weights": [1.0] * 100}, protocol))
    with pytest.raises(ModelUnsupported, match="a Python pickle"):
        opened(tmp_path / "model.gguf")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("old.gguf", b"lmgg" + bytes(100), "a format from before GGUF"),
        ("old.ggml", b"tjgg" + bytes(100), "a format from before GGUF"),
        ("model.safetensors", bytes(100), "name the folder that holds both"),
    ],
)
def test_other_formats_are_told_by_name(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelUnsupported, match=reason):
        opened(tmp_path / name)


def test_what_is_no_model_at_all(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("Call me Ishmael.")
    with pytest.raises(ModelInvalid, match="not a GGUF"):
        opened(tmp_path / "text.gguf")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none", tmp_path / "pipe", Path("a\0b"), tmp_path / "none#m", Path("a" * 300)):
        with pytest.raises(LmfileError) as raised:
            opened(path)
        assert (raised.value.exit_code, str(raised.value).count("\n")) == (20, 0)
