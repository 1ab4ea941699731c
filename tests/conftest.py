"""What tests of the finished executable share: two executables, one cache of theirs, one server."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.questions import TINY_MODEL
from tests.running import run
from tests.serving import Server, serving

PROJECT = Path(__file__).resolve().parent.parent
BUILDER: Mapping[str, str] = dict(os.environ)
"""The environment of builds: as it was before any test changed it."""

BUILD_LIMIT_S = 1200


def build(model: str | Path, output: Path) -> Path:
    """Run the build command; cheap when the parts are in the builder's cache."""
    command = [sys.executable, "-m", "bundler", "build", str(model), "-o", str(output)]
    done = run(command, env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S)
    assert done.status == 0, done
    return output


@pytest.fixture(scope="session")
def shelf() -> Iterator[Path]:
    """A directory that every user can read: pytest's own are for its user alone."""
    folder = Path(tempfile.mkdtemp(prefix="lmfile-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def executable(shelf: Path) -> Path:
    """SmolLM2 as an executable: LMFILE_UNDER_TEST, or built now."""
    given = os.environ.get("LMFILE_UNDER_TEST")
    return Path(given).resolve() if given else build("smollm2", shelf / "smollm2")


@pytest.fixture(scope="session")
def tiny(shelf: Path) -> Path:
    """A small executable that loads at once."""
    return build(TINY_MODEL, shelf / "tiny")


@pytest.fixture(scope="session")
def cache(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache root of the executables, with the runtime in it."""
    folder = tmp_path_factory.mktemp("runtimes")
    done = run([tiny, "--version"], env={"LMFILE_CACHE": str(folder)})
    assert done.status == 0, done
    return folder


@pytest.fixture(scope="session")
def env(cache: Path) -> dict[str, str]:
    """All that the executables find in their environment, unless a test adds to it."""
    return {"LMFILE_CACHE": str(cache), "PATH": os.defpath}


@pytest.fixture(scope="session")
def server(executable: Path, env: dict[str, str]) -> Iterator[Server]:
    """A server with SmolLM2; a test that ends it starts its own."""
    with serving(executable, "-t", "1", env=env) as running:
        yield running
