"""Importance matrices: both forms say the same, and a false one is refused in a sentence before native code sees it."""

import struct
from pathlib import Path

import numpy as np
import pytest

from bundler.convert import imatrix
from runtime.errors import ConversionFailed, LmfileError, ModelNotFound, ModelUnsupported
from tests.bundler.convert import models
from tests.gguf_writer import gguf


def test_both_forms_hold_the_same(tmp_path: Path) -> None:
    values = models.importance()
    old = imatrix.read(models.dat(tmp_path / "a.dat", values))
    new = imatrix.read(models.imatrix_gguf(tmp_path / "a.gguf", values))
    assert old == new
    assert (old.chunks, old.dataset, len(old.values)) == (3, "texts.txt", 15)
    for name, found in old.values.items():
        assert np.array_equal(np.array(found, "<f4"), values[name] / np.float32(7))


def test_what_was_never_used_counts_as_anything_else(tmp_path: Path) -> None:
    found = imatrix.read(models.imatrix_gguf(tmp_path / "a.gguf", models.importance(), count=0))
    assert {value for values in found.values.values() for value in values} == {1.0}


def test_an_old_file_may_end_after_its_entries(tmp_path: Path) -> None:
    for ending, expected in (
        (b"", (0, None)),
        (struct.pack("<i", 5), (5, None)),
        (struct.pack("<ii", 5, 99), (5, None)),
    ):
        found = imatrix.read(models.dat(tmp_path / "a.dat", models.importance(), ending=ending))
        assert (found.chunks, found.dataset) == expected


def false_files() -> dict[str, bytes]:
    """Files that are no importance matrix."""
    good = {"blk.0.attn_q.weight": np.ones(8, "<f4")}
    infinite = {"blk.0.attn_q.weight": np.full(8, np.inf, "<f4")}
    name = b"blk.0.attn_q.weight"
    entry = struct.pack("<i", len(name)) + name
    return {
        "empty": b"",
        "short": b"\1\0",
        "no entries": struct.pack("<i", 0),
        "minus one": struct.pack("<i", -1),
        "too many": struct.pack("<i", 2**31 - 1),
        "long name": struct.pack("<ii", 1, 2**30),
        "no name": struct.pack("<ii", 1, 0),
        "many values": struct.pack("<i", 1) + entry + struct.pack("<ii", 1, 2**31 - 1),
        "no values": struct.pack("<i", 1) + entry + struct.pack("<ii", 1, 0),
        "cut": struct.pack("<i", 2) + entry + struct.pack("<ii", 1, 1) + bytes(4),
        "a model": gguf(),
        "infinite": _bytes(models.dat, infinite),
        "infinite sums": _bytes(models.imatrix_gguf, infinite),
        "cut gguf": _bytes(models.imatrix_gguf, good)[:-30],
        "not a number": _bytes(models.imatrix_gguf, {"blk.0.attn_q.weight": np.full(8, np.nan, "<f4")}),
        "sums alone": _bytes(models.imatrix_gguf, good).replace(b".counts", b".county"),
        "counts alone": _bytes(models.imatrix_gguf, good).replace(b".in_sum2", b".in_sum3"),
    }


def _bytes(form: object, values: dict[str, np.ndarray]) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path: Path = form(Path(folder) / "m", values)  # type: ignore[operator]
        return path.read_bytes()


@pytest.mark.parametrize("what", list(false_files()))
def test_a_false_one_is_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / "false.dat"
    path.write_bytes(false_files()[what])
    with pytest.raises(ConversionFailed, match=r"as an importance matrix it is of no use: .*; make it anew") as raised:
        imatrix.read(path)
    assert "\n" not in str(raised.value)


def test_a_pickle_or_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pickle").write_bytes(b"\x80\x04\x95")
    with pytest.raises(ModelUnsupported, match="pickle"):
        imatrix.read(tmp_path / "pickle")
    with pytest.raises(ModelNotFound):
        imatrix.read(tmp_path / "nothing")
    with pytest.raises(ModelNotFound):
        imatrix.read(tmp_path)


def test_mutants_raise_only_our_errors(tmp_path: Path) -> None:
    numbers = np.random.default_rng(4)
    small = {f"blk.{layer}.attn_q.weight": np.ones(4, "<f4") for layer in range(3)}
    path, refused = tmp_path / "m", 0
    for data in (_bytes(models.dat, small), _bytes(models.imatrix_gguf, small)):
        for _ in range(250):
            mutant = bytearray(data)
            for place in numbers.integers(0, len(data), numbers.integers(1, 6)):
                mutant[place] = numbers.integers(0, 256)
            path.write_bytes(mutant[: numbers.integers(1, len(data) + 1)] if numbers.random() < 0.3 else mutant)
            try:
                imatrix.read(path)
            except LmfileError:
                refused += 1
    assert refused > 100
