"""How fast the page is in Chromium: its first paint, long streams into a long conversation, hostile Markdown.

speed.test.mjs and hostile.test.mjs of tests/webui/browser measure and judge; here they do so at full length, over a
scripted engine. unit/markdown.test.mjs cuts more texts than in the suite.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.webui.node import HERE, node
from tests.webui.serve import start

SCRIPTS = [
    str(HERE / name) for name in ("browser/speed.test.mjs", "browser/hostile.test.mjs", "unit/markdown.test.mjs")
]
TIMEOUT_S = 900


@dataclass
class Figures:
    """What was measured, one line of JSON for each subject, and what failed."""

    lines: list[str] = field(default_factory=list)
    wrong: str = ""

    def __str__(self) -> str:
        return "\n".join(["", *self.lines, self.wrong])


def measure() -> Figures:
    server = start()
    result = Figures()
    with tempfile.NamedTemporaryFile() as file:
        env = {"LMFILE_READY": f"http://127.0.0.1:{server.port}", "LMFILE_PROOF": file.name}
        try:
            node("--test-concurrency=1", *SCRIPTS, timeout_s=TIMEOUT_S, env=env)
        except AssertionError as error:
            result.wrong = str(error)
        finally:
            server.close()
        result.lines = Path(file.name).read_text(encoding="utf-8").splitlines()
    return result
