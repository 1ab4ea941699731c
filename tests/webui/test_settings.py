"""Holds the bounds of the page's number fields against what the server takes."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.runtime.server.live import Live, ScriptedEngine
from tests.webui.node import NODE

SETTINGS = Path(__file__).parents[2] / "webui" / "settings.js"
TIMEOUT_S = 30


@pytest.fixture
def server() -> Live:
    return Live(ScriptedEngine())


def test_the_server_takes_each_number_that_the_page_takes_and_no_greater(server: Live) -> None:
    script = f"import {{ NUMBERS }} from {json.dumps(SETTINGS.as_uri())}; console.log(JSON.stringify(NUMBERS))"
    command = [NODE, "--input-type=module", "--eval", script]
    numbers = json.loads(subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True).stdout)
    try:
        for name, bounds in numbers.items():
            least, most = bounds["minimum"], bounds["maximum"]
            for number, status in ((least, 200), (most, 200), (most + 1, 400)):
                asked = {"messages": [{"role": "user", "content": "Hello"}], name: number}
                assert server.post("/v1/chat/completions", asked).status == status, (name, number)
    finally:
        server.close()
    assert "temperature" in numbers
