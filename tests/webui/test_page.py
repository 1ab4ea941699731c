"""Runs the page's JavaScript tests: its modules in Node, and the page in Chromium against real servers."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.server.live import Live
from tests.webui.serve import start, start_loading

HERE = Path(__file__).parent
UNIT_TIMEOUT_S = 120
BROWSER_TIMEOUT_S = 280
INSTALL_TIMEOUT_S = 120


def node(*arguments: str, timeout_s: float, env: dict[str, str] | None = None) -> None:
    """Run node's test runner and fail with what it says."""
    command = ["node", "--test", "--test-reporter=spec", *arguments]
    whole = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=timeout_s, check=False, env=whole)
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules() -> None:
    node(*map(str, sorted((HERE / "unit").glob("*.test.mjs"))), timeout_s=UNIT_TIMEOUT_S)


@pytest.fixture(scope="module")
def playwright() -> None:
    """The locked packages, installed once."""
    lock = HERE / "package-lock.json"
    installed = HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm = shutil.which("npm")
        assert npm, "npm is needed for the browser test"
        arguments = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(arguments, cwd=HERE, timeout=INSTALL_TIMEOUT_S, check=True, capture_output=True)


@pytest.fixture
def servers() -> Iterator[dict[str, Live]]:
    running = {"LMFILE_READY": start(), "LMFILE_LOADING": start_loading(), "LMFILE_LOCKED": start(keys=("sesame",))}
    yield running
    for server in running.values():
        server.close()


@pytest.mark.usefixtures("playwright")
def test_browser(servers: dict[str, Live]) -> None:
    addresses = {name: f"http://127.0.0.1:{server.port}" for name, server in servers.items()}
    node(str(HERE / "browser" / "page.test.mjs"), timeout_s=BROWSER_TIMEOUT_S, env=addresses)
    asked = [str(request.prompt) + str(request.messages) for request in servers["LMFILE_READY"].engine.asked]
    assert asked
    assert not any("attack" in one for one in asked), "a foreign page started work"
