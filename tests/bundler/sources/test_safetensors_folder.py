"""The weights of a Hugging Face folder must be what their index and names say, before any library sees them."""

import json
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.sources import safetensors_folder
from runtime.errors import LmfileError, ModelInvalid, ModelNotFound, ModelUnsupported
from tests.adapters.folders import safetensors

NAMES = [f"model-{number:05d}-of-00003.safetensors" for number in range(1, 4)]
TENSORS = {
    NAMES[0]: {"embed.weight": ("F32", (2, 1), [1.0, 2.0])},
    NAMES[1]: {"a.weight": ("BF16", (3,), b"123456"), "a.scale": ("F8_E4M3", (1, 1, 1, 1, 2), b"12")},
    NAMES[2]: {"ids": ("I64", (1,), bytes(8)), "flag": ("BOOL", (1,), b"\1")},
}
MAP = {tensor: name for name, table in TENSORS.items() for tensor in table}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, table in TENSORS.items():
        (tmp_path / name).write_bytes(safetensors(table))
    (tmp_path / "config.json").write_text("{}")
    index(tmp_path, MAP)
    return tmp_path


def index(folder: Path, weight_map: object) -> None:
    text = json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map})
    (folder / safetensors_folder.INDEX).write_text(text)


def test_a_model_in_three_files(folder: Path) -> None:
    found = safetensors_folder.check(folder)
    assert [file.name for file in found.files] == NAMES
    assert (found.tensors, found.pickles) == (5, ())
    assert found.size_bytes == sum((folder / name).stat().st_size for name in NAMES)
    (folder / safetensors_folder.INDEX).unlink()
    assert safetensors_folder.check(folder) == found


def test_a_model_in_one_file_and_others_beside_it(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(safetensors(TENSORS[NAMES[0]]))
    (tmp_path / "consolidated.safetensors").write_bytes(safetensors(TENSORS[NAMES[0]]))
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    found = safetensors_folder.check(tmp_path)
    assert [file.name for file in found.files] == ["model.safetensors"]
    assert found.pickles == ("pytorch_model.bin",)
    (tmp_path / "consolidated.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}x")
    with pytest.raises(ModelInvalid, match="consolidated"):
        safetensors_folder.check(tmp_path)


def no_files(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def pickles_alone(folder: Path) -> None:
    no_files(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))


def pickles_and_foreign_safetensors(folder: Path) -> None:
    pickles_alone(folder)
    (folder / "weights.safetensors").write_bytes(safetensors(TENSORS[NAMES[0]]))


def a_pickle_called_safetensors(folder: Path) -> None:
    (folder / NAMES[1]).write_bytes(pickle.dumps({"a": [1.0] * 100}))


def one_file_missing(folder: Path) -> None:
    (folder / NAMES[1]).unlink()


def one_file_and_the_index_missing(folder: Path) -> None:
    (folder / NAMES[1]).unlink()
    (folder / safetensors_folder.INDEX).unlink()


def a_pipe(folder: Path) -> None:
    (folder / NAMES[1]).unlink()
    os.mkfifo(folder / NAMES[1])


def one_file_cut(folder: Path) -> None:
    (folder / NAMES[1]).write_bytes((folder / NAMES[1]).read_bytes()[:-1])


def a_tensor_in_two_files(folder: Path) -> None:
    (folder / NAMES[2]).write_bytes(safetensors(TENSORS[NAMES[1]]))


def no_tensors(folder: Path) -> None:
    (folder / safetensors_folder.INDEX).unlink()
    for name in NAMES:
        (folder / name).write_bytes(safetensors({}))


def an_unknown_type(folder: Path) -> None:
    (folder / NAMES[0]).write_bytes(safetensors({}, x={"dtype": "F4", "shape": [1], "data_offsets": [0, 0]}))


def index_is_no_json(folder: Path) -> None:
    (folder / safetensors_folder.INDEX).write_text("{")


def index_is_deep(folder: Path) -> None:
    (folder / safetensors_folder.INDEX).write_text("[" * 100_000)


def index_without_a_map(folder: Path) -> None:
    index(folder, [])


def index_that_leads_away(folder: Path) -> None:
    index(folder, {**MAP, "ids": "../model.safetensors"})


def index_that_names_a_number(folder: Path) -> None:
    index(folder, {**MAP, "ids": 7})


def index_with_a_tensor_too_many(folder: Path) -> None:
    index(folder, {**MAP, "ghost": NAMES[0]})


def index_with_a_tensor_too_few(folder: Path) -> None:
    index(folder, {name: file for name, file in MAP.items() if name != "ids"})


def index_with_a_tensor_elsewhere(folder: Path) -> None:
    index(folder, {**MAP, "ids": NAMES[0]})


FALSE: dict[Callable[[Path], None], tuple[type[LmfileError], str]] = {
    no_files: (ModelNotFound, "without model.safetensors"),
    pickles_alone: (ModelUnsupported, "pytorch_model.bin`: it is a Python pickle"),
    pickles_and_foreign_safetensors: (ModelUnsupported, "pytorch_model.bin`: it is a Python pickle"),
    a_pickle_called_safetensors: (ModelUnsupported, "a Python pickle"),
    one_file_missing: (ModelNotFound, "00002-of-00003.safetensors`: it is one of 3 files"),
    one_file_and_the_index_missing: (ModelNotFound, "00002-of-00003.safetensors`: it is one of 3 files"),
    a_pipe: (ModelNotFound, "not a file"),
    one_file_cut: (ModelInvalid, "tensors end at byte"),
    a_tensor_in_two_files: (ModelInvalid, "stands in `model-00002-of-00003.safetensors`, too"),
    no_tensors: (ModelInvalid, "hold no tensors"),
    an_unknown_type: (ModelUnsupported, "numbers of type F4"),
    index_is_no_json: (ModelInvalid, "not JSON"),
    index_is_deep: (ModelInvalid, "not JSON"),
    index_without_a_map: (ModelInvalid, "no table `weight_map`"),
    index_that_leads_away: (ModelInvalid, "it puts `ids` into '../model.safetensors'"),
    index_that_names_a_number: (ModelInvalid, "it puts `ids` into '7'"),
    index_with_a_tensor_too_many: (ModelInvalid, "it lists `ghost`, which is in none"),
    index_with_a_tensor_too_few: (ModelInvalid, "it does not list `ids`|files"),
    index_with_a_tensor_elsewhere: (ModelInvalid, "it puts `ids` into `model-00001"),
}


@pytest.mark.parametrize("spoil", FALSE, ids=[spoil.__name__ for spoil in FALSE])
def test_a_false_folder_is_refused_in_a_sentence(folder: Path, spoil: Callable[[Path], None]) -> None:
    spoil(folder)
    expected, reason = FALSE[spoil]
    with pytest.raises(expected, match=reason) as raised:
        safetensors_folder.check(folder)
    assert str(raised.value).count("\n") == 0


def test_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        safetensors_folder.check(tmp_path / "none")


def test_many_files_take_no_time(tmp_path: Path) -> None:
    table = {f"model.layers.{number}.mlp.experts.weight": ("F16", (1,), b"xx") for number in range(200)}
    for number in range(100):
        named = {name.replace("layers.", f"layers.{number}_"): value for name, value in table.items()}
        (tmp_path / f"model-{number + 1:05d}-of-00100.safetensors").write_bytes(safetensors(named))
    began = time.process_time()
    assert safetensors_folder.check(tmp_path).tensors == 20_000
    assert time.process_time() - began < 10.0
