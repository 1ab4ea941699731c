"""The short form of the driver: a few power cuts while a file, a pair and a signature are written."""

from pathlib import Path

from tests.drivers.packing_cuts import cut_repeatedly


def test_a_power_cut_leaves_what_was_there_or_what_comes_next(tmp_path: Path) -> None:
    result = cut_repeatedly(tmp_path, 6, model_bytes=4 << 20)
    assert result.cuts == 6
    assert result.wrong == []
