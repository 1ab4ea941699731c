"""Node and playwright-core as they come in the pinned `playwright` wheel; the browser is the system's."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import playwright

HERE = Path(__file__).parent
_DRIVER = Path(playwright.__file__).parent / "driver"
NODE = str(_DRIVER / "node")


def node(*arguments: str, timeout_s: float, env: Mapping[str, str] | None = None) -> None:
    """Run node's test runner, and fail with what it says."""
    _link_playwright()
    command = [NODE, "--test", "--test-reporter=spec", *arguments]
    whole = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=timeout_s, check=False, env=whole)
    assert done.returncode == 0, done.stdout + done.stderr


def _link_playwright() -> None:
    """Put the package where Node looks for it."""
    link = HERE / "node_modules" / "playwright-core"
    if not link.exists():
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(_DRIVER / "package", target_is_directory=True)
