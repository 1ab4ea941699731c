"""Writes docs/screenshots anew, of an executable with Qwen2.5-Coder-1.5B: `python -m tests.webui.screenshots`."""

import os
import tempfile
from pathlib import Path

from tests.conftest import PROJECT
from tests.serving import serving
from tests.webui.breadbook import pack
from tests.webui.node import HERE, node

MODEL = "qwen2.5-coder-1.5b"
TIMEOUT_S = 1200


def main() -> None:
    shots = PROJECT / "docs" / "screenshots"
    shots.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        executable = pack(MODEL, Path(folder) / "breadbook")
        env = {"LMFILE_CACHE": f"{folder}/cache", "PATH": os.defpath}
        with serving(executable, env=env, mode=()) as server:
            addresses = {"LMFILE_READY": server.url, "LMFILE_SHOTS": str(shots)}
            node(str(HERE / "walk" / "screenshots.mjs"), timeout_s=TIMEOUT_S, env=addresses)


if __name__ == "__main__":
    main()
