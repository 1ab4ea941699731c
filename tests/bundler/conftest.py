"""A builder's cache of its own for each test."""

from pathlib import Path

import pytest

from bundler import archive
from bundler.analysis import builder_target
from bundler.runtime_image import RuntimeImage, runtime_image


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMFILE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where the executable goes: a directory with nothing else in it."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "tiny"


# The two below are made before any test, so in the builder's usual cache: an image takes minutes to build.


@pytest.fixture(scope="session")
def image() -> RuntimeImage:
    """The runtime image for this computer."""
    return runtime_image(builder_target())


@pytest.fixture(scope="session")
def tree(image: RuntimeImage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image, unpacked: `bin/lmfile` and the rest."""
    folder = tmp_path_factory.mktemp("runtime image")
    archive.unpack(image.archive, folder)
    return folder
