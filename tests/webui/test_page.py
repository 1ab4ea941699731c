"""Runs the page's JavaScript tests: its modules in Node, and the page in Chromium against real servers.

Node and playwright-core both come out of the pinned `playwright` wheel; the browser is the system's.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import playwright
import pytest

from tests.runtime.server.live import Live
from tests.webui.serve import start, start_loading

HERE = Path(__file__).parent
DRIVER = Path(playwright.__file__).parent / "driver"
UNIT_TIMEOUT_S = 120
BROWSER_TIMEOUT_S = 280
FILES = [file for file in sorted((HERE / "browser").glob("*.test.mjs")) if file.name != "boundary.test.mjs"]
"""Each is a test of its own; test_boundary.py runs the one that is left out."""


def node(*arguments: str, timeout_s: float, env: dict[str, str] | None = None) -> None:
    """Run node's test runner and fail with what it says."""
    command = [str(DRIVER / "node"), "--test", "--test-reporter=spec", *arguments]
    whole = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=timeout_s, check=False, env=whole)
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules() -> None:
    node(*map(str, sorted((HERE / "unit").glob("*.test.mjs"))), timeout_s=UNIT_TIMEOUT_S)


@pytest.fixture(scope="session")
def playwright_core() -> None:
    """The package where Node looks for it."""
    link = HERE / "node_modules" / "playwright-core"
    if not link.exists():
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(DRIVER / "package", target_is_directory=True)


@pytest.fixture
def servers() -> Iterator[dict[str, Live]]:
    running = {"LMFILE_READY": start(), "LMFILE_LOADING": start_loading(), "LMFILE_LOCKED": start(keys=("sesame",))}
    yield running
    for server in running.values():
        server.close()


@pytest.mark.usefixtures("playwright_core")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.mjs"))
def test_browser(file: Path, servers: dict[str, Live]) -> None:
    addresses = {name: f"http://127.0.0.1:{server.port}" for name, server in servers.items()}
    node(str(file), timeout_s=BROWSER_TIMEOUT_S, env=addresses)
    asked = [str(request.prompt) + str(request.chat) for request in servers["LMFILE_READY"].engine.asked]
    assert not any("attack" in one for one in asked), "a foreign page started work"
