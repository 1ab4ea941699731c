"""Runs the page's JavaScript tests: its modules in Node, and the page in Chromium against real servers."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.webui.node import HERE, node
from tests.webui.serve import servers

UNIT_TIMEOUT_S = 240
BROWSER_TIMEOUT_S = 280
AT_ONCE = 2
FILES = [file for file in sorted((HERE / "browser").glob("*.test.mjs")) if file.name != "boundary.test.mjs"]
"""Each is a test of its own; test_boundary.py runs the one that is left out."""


def test_modules() -> None:
    files = map(str, sorted((HERE / "unit").glob("*.test.mjs")))
    node(f"--test-concurrency={AT_ONCE}", *files, timeout_s=UNIT_TIMEOUT_S)


@pytest.fixture(scope="module")
def under_way(request: pytest.FixtureRequest) -> Iterator[dict[Path, Future[None]]]:
    """The chosen files, two at a time: each has a browser and servers of its own, and waits for them a good deal."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    chosen = [item.callspec.params["file"] for item in items if item.originalname == test_browser.__name__]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {file: pool.submit(drive, file) for file in chosen}
        pool.shutdown(cancel_futures=True)


def drive(file: Path) -> None:
    """Run a file's tests over servers of its own."""
    with servers() as running:
        addresses = {name: f"http://127.0.0.1:{server.port}" for name, server in running.items()}
        node(str(file), timeout_s=BROWSER_TIMEOUT_S, env=addresses)
        asked = [str(request.prompt) + str(request.chat) for request in running["LMFILE_READY"].engine.asked]
    assert not any("attack" in one for one in asked), "a foreign page started work"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.mjs"))
def test_browser(file: Path, under_way: dict[Path, Future[None]]) -> None:
    under_way[file].result()
