"""Shards of a split GGUF are packed as the one file that they were, and refused where they are not parts of one."""

import shutil
from pathlib import Path

import pytest

from bundler import fetch
from bundler.content import Slice, pieces, size_bytes
from bundler.sources import Source, local
from runtime import gguf
from runtime.errors import ModelInvalid, ModelNotFound
from tests.gguf_writer import I32, STRING, TENSORS, TINY, U16, U32
from tests.gguf_writer import gguf as written
from tests.questions import TINY_MODEL
from tests.split_models import split


def opened(path: Path) -> Source:
    return local.open(path, fetch.quiet)


def data(source: Source) -> bytes:
    parts = pieces(source.content)
    return b"".join(
        part if isinstance(part, bytes) else part.path.read_bytes()[part.offset : part.offset + part.size]
        for part in parts
    )


@pytest.mark.parametrize("keys_alone", [False, True])
def test_all_shards_make_the_file_that_was_split(tmp_path: Path, keys_alone: bool) -> None:
    paths = split(TINY_MODEL, tmp_path, "tinyvlm", 7, keys_alone)
    assert len(paths) > 4
    for named in (paths[0], paths[2], paths[-1], tmp_path):
        source = opened(named)
        assert data(source) == TINY_MODEL.read_bytes()
        assert size_bytes(source.content) == source.file.size_bytes == TINY_MODEL.stat().st_size
        assert source.name == "tinyvlm"
        assert gguf.facts(source.file) == gguf.facts(gguf.read(TINY_MODEL))
        assert source.provenance.plain() == {
            "source": paths[0].name,
            "steps": [{"step": "merge", "files": len(paths)}],
        }


def test_weights_stay_where_they_lie(tmp_path: Path) -> None:
    paths = split(TINY_MODEL, tmp_path, "tinyvlm", 7)
    parts = pieces(opened(paths[0]).content)
    assert [part.path for part in parts if isinstance(part, Slice)] == paths
    assert sum(len(part) for part in parts if isinstance(part, bytes)) < gguf.read(TINY_MODEL).data_offset + 32 * len(
        paths
    )
    assert local.files(paths[1]) == paths
    assert local.files(TINY_MODEL) == [TINY_MODEL]


def test_another_alignment_in_the_first_shard_holds_for_all(tmp_path: Path) -> None:
    whole = tmp_path / "whole.gguf"
    values = {**TINY, "general.alignment": (U32, 128)}
    whole.write_bytes(written(values, alignment=128))
    paths = split(whole, tmp_path, "m", 1, keys_alone=True)
    source = opened(paths[0])
    model, joined = gguf.read(whole), source.file
    assert joined.alignment == 128
    for tensor in model.tensors.values():
        there = joined.tensors[tensor.name]
        assert (there.shape, there.type, there.offset) == (tensor.shape, tensor.type, tensor.offset)
        begin, again = model.data_offset + tensor.offset, joined.data_offset + there.offset
        size = tensor.size_bytes
        assert data(source)[again : again + size] == whole.read_bytes()[begin : begin + size]


def test_a_model_in_one_shard_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "m-00001-of-00001.gguf"
    shutil.copy(TINY_MODEL, path)
    assert opened(path).content == path
    odd = tmp_path / "m-00003-of-00002.gguf"
    shutil.copy(TINY_MODEL, odd)
    assert opened(odd).content == odd


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    return split(TINY_MODEL, tmp_path, "tinyvlm", 12)


def test_a_shard_is_missing(shards: list[Path]) -> None:
    shards[1].unlink()
    with pytest.raises(ModelNotFound, match=r"00002-of-0000\d.gguf`: it is part 2 of a model split over"):
        opened(shards[0])


def test_shards_of_two_models(shards: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "m.gguf").write_bytes(written())
    whole = tmp_path / "w.gguf"
    whole.write_bytes(written(tensors=[*TENSORS, *((f"blk.0.t{n}.weight", (8,), 0) for n in range(3))]))
    foreign = split(whole, other, "m", 2)
    assert len(foreign) == 3
    shutil.copy(foreign[2], shards[2])
    with pytest.raises(ModelInvalid, match=r"does not say that it is part 3|claims 6 tensors"):
        opened(shards[0])


def test_shards_in_the_wrong_order(shards: list[Path], tmp_path: Path) -> None:
    shards[1].rename(tmp_path / "x")
    shards[2].rename(shards[1])
    (tmp_path / "x").rename(shards[2])
    with pytest.raises(ModelInvalid, match="does not say that it is part 2"):
        opened(shards[0])


def test_a_shard_with_the_tensors_of_another(shards: list[Path]) -> None:
    first = split(TINY_MODEL, shards[0].parent, "other", 12)
    table = bytearray(first[2].read_bytes())
    name = next(iter(gguf.read(shards[1]).tensors))
    (mine, *_) = gguf.read(first[2]).tensors
    if len(mine) != len(name):
        name = next(each for each in gguf.read(shards[1]).tensors if len(each) == len(mine))
    table[table.index(mine.encode()) : table.index(mine.encode()) + len(mine)] = name.encode()
    shards[2].write_bytes(table)
    with pytest.raises(ModelInvalid, match="stands in a part before it, too"):
        opened(shards[0])


def test_a_shard_of_another_architecture(tmp_path: Path) -> None:
    whole = tmp_path / "w.gguf"
    whole.write_bytes(written())
    paths = split(whole, tmp_path, "m", 1)
    extra = {
        "general.architecture": (STRING, "gemma3"),
        "split.no": (U16, 1),
        "split.tensors.count": (I32, 3),
        "split.count": (U16, 3),
    }
    paths[1].write_bytes(written(extra, [TENSORS[1]]))
    with pytest.raises(ModelInvalid, match="its architecture is `gemma3`, and that of the first part `llama`"):
        opened(paths[0])


def test_a_shard_that_was_cut(shards: list[Path]) -> None:
    shards[-1].write_bytes(shards[-1].read_bytes()[:-64])
    with pytest.raises(ModelInvalid, match="beyond the file's end"):
        opened(shards[0])


def test_a_whole_model_called_like_a_shard(tmp_path: Path) -> None:
    path = tmp_path / "m-00001-of-00002.gguf"
    shutil.copy(TINY_MODEL, path)
    with pytest.raises(ModelInvalid, match="does not say that it is part 1 of 2"):
        opened(path)
