"""Remembered digests: used while a file is the same, and for no longer."""

import os
import time
from pathlib import Path

import pytest

from bundler import digests
from bundler.digests import Digests

FOUND = Digests("ab" * 32, 123)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the clock calls ten seconds old."""
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    now = time.time_ns()
    monkeypatch.setattr(digests.time, "time_ns", lambda: now + 10_000_000_000)
    return path


def test_a_file_that_stays_the_same_is_known(model: Path) -> None:
    assert digests.known(model) is None
    digests.remember(model, model.stat(), FOUND)
    assert digests.known(model) == FOUND


def test_a_file_of_this_second_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    digests.remember(path, path.stat(), FOUND)
    assert digests.known(path) is None


def test_a_changed_file_is_unknown_even_with_its_size_and_time(model: Path) -> None:
    digests.remember(model, model.stat(), FOUND)
    status = model.stat()
    model.write_bytes(b"FUGG")
    os.utime(model, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digests.known(model) is None


def test_a_file_put_in_its_place_is_unknown(model: Path) -> None:
    digests.remember(model, model.stat(), FOUND)
    other = model.with_name("other")
    other.write_bytes(b"GGUF")
    other.rename(model)
    assert digests.known(model) is None


def test_a_damaged_record_is_none(model: Path) -> None:
    digests.remember(model, model.stat(), FOUND)
    (record,) = digests.store.cache_dir("digests").glob("*.json")
    record.write_text("{")
    assert digests.known(model) is None
