"""Bread Book: a model as a publisher would pack it, with a name, a face, first questions and adapters."""

import sys
from pathlib import Path

from tests.conftest import BUILDER, PROJECT
from tests.running import run

BUILD_LIMIT_S = 600
ADAPTERS = PROJECT / "tests" / "data" / "adapters"
IDENTITY = (
    *("--name", "Bread Book", "--color", "#8a4b14", "--icon", str(Path(__file__).parent / "walk" / "icon.svg")),
    *("--greeting", "What shall we bake?"),
    *("--system-prompt", "You are a helpful AI assistant."),
    *("--starter", "How do I bake a simple bread?"),
    *("--starter", "Write four lines about an oven."),
    *("--starter", "What makes dough rise?"),
)
VOICES = ("--adapter", f"pirate={ADAPTERS / 'pirate'}:0", "--adapter", f"robot={ADAPTERS / 'robot'}:0")
"""Adapters for SmolLM2; none is on until somebody chooses it."""


def pack(model: str, output: Path, *more: str) -> Path:
    """Build the executable."""
    command = [sys.executable, "-m", "bundler", "build", model, "-o", output, *IDENTITY, *more]
    done = run(command, env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S)
    assert done.status == 0, done
    return output
