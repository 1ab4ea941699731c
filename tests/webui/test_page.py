"""Runs the page's JavaScript tests: its modules in Node, and the page in Chromium against real servers."""

from pathlib import Path

import pytest

from tests.webui.node import HERE, node
from tests.webui.serve import servers

UNIT_TIMEOUT_S = 120
BROWSER_TIMEOUT_S = 280
FILES = [file for file in sorted((HERE / "browser").glob("*.test.mjs")) if file.name != "boundary.test.mjs"]
"""Each is a test of its own; test_boundary.py runs the one that is left out."""


def test_modules() -> None:
    node(*map(str, sorted((HERE / "unit").glob("*.test.mjs"))), timeout_s=UNIT_TIMEOUT_S)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.mjs"))
def test_browser(file: Path) -> None:
    with servers() as running:
        addresses = {name: f"http://127.0.0.1:{server.port}" for name, server in running.items()}
        node(str(file), timeout_s=BROWSER_TIMEOUT_S, env=addresses)
        asked = [str(request.prompt) + str(request.chat) for request in running["LMFILE_READY"].engine.asked]
    assert not any("attack" in one for one in asked), "a foreign page started work"
