"""docs/FORMAT.md says what is: its dump is that of a real file, and its reader reads one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.payload.footer import FOOTER_VERSION
from runtime.payload.manifest import FORMAT
from tests.packing import APP, example, pack

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "FORMAT.md").read_text(encoding="utf-8")


def test_the_dump_is_that_of_the_example(tmp_path: Path) -> None:
    data = example(tmp_path, tmp_path / "example").read_bytes()
    lines = re.findall(r"^    ([0-9a-f]{8})  ((?:[0-9a-f]{2} ?)+)  ", DOCUMENT, re.M)
    assert len(lines) > 20
    for offset, text in lines:
        expected = bytes.fromhex(text)
        assert data[int(offset, 16) :][: len(expected)] == expected, offset
    assert f"{len(data):,} bytes" in DOCUMENT
    assert lines[-1][0] == f"{len(data) - 16:08x}"


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    path = tmp_path / "reader.py"
    path.write_text(DOCUMENT.partition("```python\n")[2].partition("```")[0], encoding="utf-8")
    return path


def test_the_reader_reads(tmp_path: Path, output: Path, reader: Path) -> None:
    pack(tmp_path, output)
    found = subprocess.run([sys.executable, reader, output], capture_output=True, text=True, check=True, timeout=60)
    names = [line.split(maxsplit=2)[2] for line in found.stdout.splitlines()]
    assert names[:2] == ["launcher", "app"]
    assert set(APP) < set(names)
    assert len(reader.read_text().splitlines()) <= 35


@pytest.mark.parametrize("offset", [100, -200, -100, 131_080])
def test_the_reader_sees_damage(tmp_path: Path, output: Path, reader: Path, offset: int) -> None:
    data = bytearray(pack(tmp_path, output).read_bytes())
    data[offset] ^= 1
    output.write_bytes(data)
    assert (
        subprocess.run([sys.executable, reader, output], capture_output=True, check=False, timeout=60).returncode == 1
    )


def test_the_numbers_of_the_format_are_those_of_the_document() -> None:
    assert (FORMAT, FOOTER_VERSION) == (1, 1)
    assert "both are 1" in DOCUMENT
