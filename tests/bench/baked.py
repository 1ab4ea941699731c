"""The first token of a fresh start behind a system prompt of 2,000 tokens: computed at the build, and at the start."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.contest import Contest
from tests.bench.row import Row
from tests.bench.texts import QUESTION

TURNS = 7
RULE = "Rule {}: when somebody asks for a book, say who wrote it and what it is about, in one short and friendly line. "
SYSTEM = "".join(RULE.format(number) for number in range(1, 75))
"""2,000 tokens of SmolLM2's."""

LIMIT_S = 600


def first_token(contest: Contest) -> list[Row]:
    """Seconds from the exec to the first character of the answer, the page cache warm."""
    row = Row("first token behind a baked prompt, against unbaked", "s", 0.15, higher=False)
    with tempfile.TemporaryDirectory(dir=contest.executable.parent) as folder:
        files = [
            _built(contest.model, Path(folder) / name, *flags) for name, flags in (("baked", ["--bake"]), ("plain", []))
        ]
        for turn in range(len(contest.turns(TURNS)) + 1):
            ours, theirs = (_answered_s(file) for file in files)
            if turn:  # the first one only warms the page cache
                row.pairs.append((ours, theirs))
    return [row]


def _built(model: Path, output: Path, *flags: str) -> Path:
    command = [sys.executable, "-m", "bundler", "build", str(model), "-o", str(output), "--system-prompt", SYSTEM]
    subprocess.run([*command, *flags], check=True, capture_output=True, timeout=LIMIT_S)
    return output


def _answered_s(file: Path) -> float:
    began = time.monotonic()
    with subprocess.Popen(
        [file, "-p", QUESTION, "-n", "1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        if process.stdout is None or not process.stdout.read(1):
            raise RuntimeError(f"{file.name} gave no answer")
        return time.monotonic() - began
