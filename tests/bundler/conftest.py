"""A builder's cache of its own for each test."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMFILE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where the executable goes: a directory with nothing else in it."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "tiny"
