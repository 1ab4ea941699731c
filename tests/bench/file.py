"""The executable as a file: what it costs beyond the weights, and how fast it is packed."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.contest import Contest
from tests.bench.row import Row
from tests.gguf_writer import synthetic_gguf

TURNS = 5
PACK_BYTES = 1 << 30
BUDGET_MB = 25.0
LIMIT_S = 600


def overhead(contest: Contest) -> list[Row]:
    """Bytes of the executable beyond the weights, against the budget."""
    row = Row("file beyond the weights, against 25 MB", "MB", 1.0, higher=False)
    beyond = contest.executable.stat().st_size - contest.model.stat().st_size
    row.pairs = [(beyond / 1e6, BUDGET_MB)]
    return [row]


def packing(contest: Contest) -> list[Row]:
    """MB/s of `lmfile build` and of `cp`, both from and to the same directory."""
    row = Row(f"packing {PACK_BYTES >> 20} MiB", "MB/s", 0.8, higher=True)
    with tempfile.TemporaryDirectory() as folder:
        model = synthetic_gguf(Path(folder) / "model.gguf", PACK_BYTES)
        packed, copied = Path(folder) / "packed", Path(folder) / "copied"
        build = [sys.executable, "-m", "bundler", "build", str(model), "-o", str(packed), "--force"]
        commands = (build, ["cp", str(model), str(copied)])
        for turn in range(len(contest.turns(TURNS)) + 1):
            ours, theirs = (_rate(command, model.stat().st_size) for command in commands)
            if turn:  # the first one only warms the page cache
                row.pairs.append((ours, theirs))
            packed.unlink()
            copied.unlink()
    return [row]


def _rate(command: list[str], size_bytes: int) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S)
    return size_bytes / 1e6 / (time.monotonic() - began)
