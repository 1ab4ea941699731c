"""A person's first day with the page: every promised step, in Chromium, over a real executable with an assistant."""

import sys
from pathlib import Path

import pytest

from tests.conftest import BUILDER, PROJECT
from tests.running import run, started
from tests.serving import address
from tests.webui.node import HERE, node
from tests.webui.serve import start_loading

BUILD_LIMIT_S = 600
WALK_LIMIT_S = 290
ADAPTERS = PROJECT / "tests" / "data" / "adapters"
MARLOW = (
    *("--name", "Marlow", "--color", "#1f4f8f", "--icon", str(HERE / "walk" / "icon.svg")),
    *("--greeting", "Ahoy! What shall we look up?"),
    *("--system-prompt", "You are a helpful AI assistant."),
    *("--starter", "What is a lighthouse for?"),
    *("--starter", "Write four lines about the sea."),
    *("--starter", "How do I bake bread?"),
    *("--adapter", f"pirate={ADAPTERS / 'pirate'}:0", "--adapter", f"robot={ADAPTERS / 'robot'}:0"),
)


@pytest.fixture(scope="module")
def marlow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 as a publisher would pack it."""
    path = tmp_path_factory.mktemp("marlow") / "marlow"
    command = [sys.executable, "-m", "bundler", "build", "smollm2", "-o", path, *MARLOW]
    done = run(command, env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S)
    assert done.status == 0, done
    return path


@pytest.mark.timeout(BUILD_LIMIT_S + WALK_LIMIT_S)
def test_a_first_day(marlow: Path, env: dict[str, str]) -> None:
    loading = start_loading()
    with started([marlow, "--port", "0"], env=env) as running:
        server = address(running)
        addresses = {"LMFILE_READY": server.url, "LMFILE_LOADING": f"http://127.0.0.1:{loading.port}"}
        try:
            node(str(HERE / "walk" / "walk.test.mjs"), timeout_s=WALK_LIMIT_S, env=addresses)
        finally:
            loading.close()
        assert running.wait().status == 0, "Quit ends the program"
