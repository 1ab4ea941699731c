"""Marlow: a model as a publisher would pack it, with a name, a face, first questions and adapters."""

import sys
from pathlib import Path

from tests.conftest import BUILDER, PROJECT
from tests.running import run

BUILD_LIMIT_S = 600
ADAPTERS = PROJECT / "tests" / "data" / "adapters"
IDENTITY = (
    *("--name", "Marlow", "--color", "#1f4f8f", "--icon", str(Path(__file__).parent / "walk" / "icon.svg")),
    *("--greeting", "Ahoy! What shall we look up?"),
    *("--system-prompt", "You are a helpful AI assistant."),
    *("--starter", "What is a lighthouse for?"),
    *("--starter", "Write four lines about the sea."),
    *("--starter", "How do I bake bread?"),
)
VOICES = ("--adapter", f"pirate={ADAPTERS / 'pirate'}:0", "--adapter", f"robot={ADAPTERS / 'robot'}:0")
"""Adapters for SmolLM2; none is on until somebody chooses it."""


def pack(model: str, output: Path, *more: str) -> Path:
    """Build the executable."""
    command = [sys.executable, "-m", "bundler", "build", model, "-o", output, *IDENTITY, *more]
    done = run(command, env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S)
    assert done.status == 0, done
    return output
