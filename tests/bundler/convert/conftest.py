"""A cache of its own for each test, that shares only what takes minutes to make."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler import peers, store
from bundler.analysis import builder_target
from bundler.convert import convert, environment
from bundler.engine import engine
from bundler.sources.source import Progress

SHARED = ("convert", "downloads", "engine", "models", "peers", "tests", "zig")


def quiet(_what: str, _done: int, _total: int) -> None:
    """A progress that shows nothing."""


@pytest.fixture(scope="session")
def progress() -> Progress:
    return quiet


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python of the isolated environment; the first time it takes half a minute to make it."""
    convert.converter(quiet)
    return environment.environment(quiet)


@pytest.fixture(scope="session")
def llama_quantize() -> Path:
    """The program that we are compared with, from the same source."""
    engine(builder_target())
    return peers.peers() / "llama-quantize"


@pytest.fixture(scope="session")
def usual_cache() -> Path:
    """The builder's own cache."""
    return store.cache_dir("logs").parent


@pytest.fixture(autouse=True)
def _own_cache(
    usual_cache: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    own = tmp_path_factory.mktemp("cache")
    for kind in SHARED:
        (usual_cache / kind).mkdir(exist_ok=True, mode=0o700)
        (own / kind).symlink_to(usual_cache / kind)
    monkeypatch.setenv("LMFILE_CACHE", str(own))
    yield
