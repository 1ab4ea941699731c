"""The addresses of running executables, for clients that are used as they come from the package index."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.adapters.voices import PIRATE
from tests.conftest import PROJECT
from tests.embedding_models import minilm_gguf
from tests.running import run
from tests.serving import Server, serving

FOREIGN = Path(__file__).parent / "foreign"
CHECKS_LIMIT_S = 240


@pytest.fixture(scope="session")
def server_url(server: Server) -> str:
    """Where SmolLM2 is served, without a trailing slash."""
    return server.url


@pytest.fixture(scope="session")
def minilm_url(executable: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Where MiniLM is served, which makes vectors."""
    with serving(executable, "-m", str(minilm_gguf()), "--alias", "minilm", "-t", "1", env=env) as running:
        yield running.url


@pytest.fixture(scope="session")
def voices_url(executable: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Where SmolLM2 is served with the adapters `pirate` and `robot`."""
    with serving(executable, "-t", "1", "-c", "8192", "--lora-dir", str(PIRATE.parent), env=env) as running:
        yield running.url


@pytest.fixture(scope="session")
def foreign() -> Callable[..., None]:
    """Run the checks of a file of foreign/ in an environment of its own, for clients with needs that exclude others'.

    environment: the name of a `.txt` there; `make setup` installs it. The checks are pytest's; they find the server
    in the variable LMFILE_URL, and what else they are given in others.
    """

    def check(environment: str, checks: str, **variables: str) -> None:
        python = PROJECT / ".venv" / "clients" / environment / "bin" / "python"
        assert python.exists(), f"{python} is missing: run `make setup`"
        command = [python, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "-c", os.devnull]
        done = run(
            [*command, FOREIGN / checks], env={"PATH": os.defpath, **variables}, cwd=FOREIGN, timeout_s=CHECKS_LIMIT_S
        )
        assert done.status == 0, done.out + done.err

    return check
