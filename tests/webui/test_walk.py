"""A person's first day with the page: every promised step, in Chromium, over a real executable with an assistant."""

from pathlib import Path

import pytest

from tests.running import started
from tests.serving import address
from tests.webui.breadbook import BUILD_LIMIT_S, VOICES, pack
from tests.webui.node import HERE, node
from tests.webui.serve import start_loading

WALK_LIMIT_S = 290


@pytest.fixture(scope="module")
def breadbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack("smollm2", tmp_path_factory.mktemp("breadbook") / "breadbook", *VOICES)


@pytest.mark.timeout(BUILD_LIMIT_S + WALK_LIMIT_S)
def test_a_first_day(breadbook: Path, env: dict[str, str]) -> None:
    loading = start_loading()
    with started([breadbook, "--port", "0"], env=env) as running:
        server = address(running)
        addresses = {"LMFILE_READY": server.url, "LMFILE_LOADING": f"http://127.0.0.1:{loading.port}"}
        try:
            node(str(HERE / "walk" / "walk.test.mjs"), timeout_s=WALK_LIMIT_S, env=addresses)
        finally:
            loading.close()
        assert running.wait().status == 0, "Quit ends the program"
