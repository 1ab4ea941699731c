"""safetensors: true files read right, and each kind of false one is refused in one sentence."""

import json
import os
import pickle
import random
import struct
import zipfile
from pathlib import Path

import pytest

from runtime.adapters.safetensors import MAX_HEADER_BYTES, Entry, open_safetensors
from runtime.errors import AdapterInvalid, AdapterNotFound, AdapterUnsupported, LmfileError
from tests.adapters.folders import K_PROJ, safetensors


def test_a_true_file(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors({"b": ("F32", (2, 1), [1.0, 2.0]), "a": ("BF16", (3,), b"123456")}))
    with open_safetensors(path) as file:
        assert list(file.entries) == ["b", "a"]
        assert file.entries["b"]._replace(offset=0) == Entry("F32", (2, 1), 0, 8)
        assert file.data("b") == struct.pack("<2f", 1.0, 2.0)
        assert file.data("a") == b"123456"


def head(text: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text + data


def entry(**changes: object) -> bytes:
    row: dict[str, object] = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **changes}
    return head(json.dumps({"x": row}).encode(), b"abcd")


INVALID = {
    "empty": (b"", "0 bytes long"),
    "short": (b"\x02\0\0", "not a safetensors file"),
    "header beyond the end": (struct.pack("<Q", 100) + b"{}", "100 bytes long"),
    "huge header": (struct.pack("<Q", 2**63) + b"{}", "bytes long"),
    "not JSON": (head(b"{]"), "not JSON"),
    "not UTF-8": (head(b'{"\xff": 1}'), "not JSON"),
    "deep": (head(b"[" * 100_000), "not JSON"),
    "a list": (head(b"[]"), "not a table"),
    "name twice": (head(b'{"x": 1, "x": 2}'), "stands twice"),
    "metadata of numbers": (head(b'{"__metadata__": {"a": 1}}'), "not a table of texts"),
    "metadata is a list": (head(b'{"__metadata__": []}'), "not a table of texts"),
    "no description": (head(b'{"x": 1}'), "not a table"),
    "shape is text": (entry(shape="1"), "not one of a tensor"),
    "negative extent": (entry(shape=[-1]), "not one of a tensor"),
    "extent is a float": (entry(shape=[1.0]), "not one of a tensor"),
    "extent is true": (entry(shape=[True]), "not one of a tensor"),
    "too many dimensions": (entry(shape=[1] * 9), "not one of a tensor"),
    "no place": (entry(data_offsets=None), "not one of a tensor"),
    "wrong size": (entry(shape=[2]), "size of its shape"),
    "product overflows": (entry(shape=[2**40, 2**40]), "size of its shape"),
    "gap before": (entry(data_offsets=[4, 8]), "instead of"),
    "bytes behind": (head(b"{}", b"abcd"), "end at byte 10 of 14"),
    "overlap": (
        safetensors({"a": ("F32", (1,), [1.0])}, b={"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}),
        "instead of",
    ),
    "beyond the end": (safetensors(K_PROJ)[:-4], "end at byte"),
}


@pytest.mark.parametrize("name", INVALID)
def test_a_false_file_is_refused(tmp_path: Path, name: str) -> None:
    data, reason = INVALID[name]
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    with pytest.raises(AdapterInvalid, match=reason) as caught:
        open_safetensors(path)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 26


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 1 << 40))
        file.truncate(1 << 41)
    with pytest.raises(AdapterInvalid, match="bytes long"):
        open_safetensors(path)
    assert MAX_HEADER_BYTES < 1 << 25


@pytest.mark.parametrize("dtype", ["I64", "F64", "U8", "F8_E4M3", "", "🦜"])
def test_other_numbers_are_refused_by_name(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(entry(dtype=dtype))
    with pytest.raises(AdapterUnsupported, match="numbers of type"):
        open_safetensors(path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_refused_unread(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(pickle.dumps({"x": [1, 2, 3] * 10}, protocol=protocol))
    with pytest.raises(AdapterUnsupported, match="pickle, which could run any program"):
        open_safetensors(path)


def test_a_zip_of_pickles_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02.")
    with pytest.raises(AdapterUnsupported, match="pickle"):
        open_safetensors(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none", tmp_path, tmp_path / "pipe", tmp_path / "a\0b"):
        with pytest.raises(AdapterNotFound):
            open_safetensors(path)


def test_random_damage_never_gets_past_as_anything_else(tmp_path: Path) -> None:
    chance = random.Random(7)
    whole = safetensors(K_PROJ)
    path = tmp_path / "a.safetensors"
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data) // 2)] = chance.randrange(256)
        path.write_bytes(data)
        try:
            with open_safetensors(path) as file:
                assert all(len(file.data(name)) == entry.size_bytes for name, entry in file.entries.items())
        except LmfileError as error:
            assert "\n" not in str(error)
