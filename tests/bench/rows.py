"""The rows of the table: what is measured, how, and which way is better.

Every row is a list of pairs (lmfile, peer) measured alternately, so that a noisy
minute hits both. A row reports the median of the pairs' ratios.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.memory import PeakMemory
from tests.bench.servers import Server, running
from tests.gguf_writer import synthetic_gguf
from tests.repacking import among_gigabytes, cold

PAIRS = 7
PROMPT_TOKENS = 512
DECODE_TOKENS = 128
PACK_BYTES = 1 << 30
QUESTION = "The capital of France is"


@dataclass(frozen=True)
class Contest:
    """The two commands compared, serving the same weights, and the files that hold them."""

    executable: Path
    llama_server: Path
    model: Path

    def ours(self) -> list[str | Path]:
        return [self.executable, "--server", "--nobrowser"]

    def theirs(self) -> list[str | Path]:
        return [self.llama_server, "-m", self.model, "--no-ui"]


@dataclass
class Row:
    """One line of the table. `bar`: the ratio that must be reached; `higher`: whether more is better."""

    name: str
    unit: str
    bar: float
    higher: bool
    pairs: list[tuple[float, float]] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(ours / theirs for ours, theirs in self.pairs)

    @property
    def medians(self) -> tuple[float, float]:
        return statistics.median(p[0] for p in self.pairs), statistics.median(p[1] for p in self.pairs)

    @property
    def passed(self) -> bool:
        return self.ratio >= self.bar if self.higher else self.ratio <= self.bar


def start_to_first_token(contest: Contest) -> Row:
    """From exec to the first streamed token, warm page cache."""
    row = Row("warm start to first token", "s", 1.8, higher=False)
    _first_token(contest.ours())
    _first_token(contest.theirs())
    row.pairs = [(_first_token(contest.ours()), _first_token(contest.theirs())) for _ in range(PAIRS)]
    return row


def first_start_ever(contest: Contest) -> Row:
    """The same with an empty cache: the extraction of the runtime is included; the bar is absolute."""
    row = Row("first start ever to first token, against 1.2 s", "s", 1.0, higher=False)
    for _ in range(PAIRS):
        with tempfile.TemporaryDirectory() as cache:
            row.pairs.append((_first_token([*contest.ours(), "--cache-dir", cache]), 1.2))
    return row


def speed_and_memory(contest: Contest) -> list[Row]:
    """Decode, prompt and peak memory of two servers that run side by side and answer in turn."""
    decode = Row(f"decode, {DECODE_TOKENS} tokens", "tokens/s", 0.95, higher=True)
    prompt = Row(f"prompt of {PROMPT_TOKENS}", "tokens/s", 0.95, higher=True)
    memory = Row("peak memory (PSS)", "MB", 2.0, higher=False)
    ids = [100 + i * 7 % 40_000 for i in range(PROMPT_TOKENS)]
    with running("lmfile", contest.ours()) as ours, running("llama-server", contest.theirs()) as theirs:
        pair = (ours, theirs)
        for server in pair:
            server.first_token(QUESTION)
        with PeakMemory(ours.pid) as our_memory, PeakMemory(theirs.pid) as their_memory:
            for _ in range(PAIRS):
                decode.pairs.append(_both(pair, lambda s: s.complete(QUESTION, DECODE_TOKENS).tokens_per_s))
                prompt.pairs.append(_both(pair, lambda s: PROMPT_TOKENS / s.complete(ids, 4).first_token_s))
    memory.pairs = [(our_memory.peak_bytes / 1e6, their_memory.peak_bytes / 1e6)]
    return [decode, prompt, memory]


def file_overhead(contest: Contest) -> Row:
    """Bytes of the executable beyond the weights, against the budget of 25 MB."""
    row = Row("file beyond the weights, against 25 MB", "MB", 1.0, higher=False)
    overhead = contest.executable.stat().st_size - contest.model.stat().st_size
    row.pairs = [(overhead / 1e6, 25.0)]
    return row


def among_others(contest: Contest) -> Row:
    """A start from the disk to the first token: the model among 6 GB of other members, and the model alone."""
    row = Row("cold start among 6 GB, against alone", "s", 1.1, higher=False)
    with tempfile.TemporaryDirectory(dir=contest.executable.parent) as folder:
        large = among_gigabytes(contest.executable, Path(folder) / "large", Path(folder))
        for _ in range(PAIRS):
            times = []
            for file in (large, contest.executable):
                cold(large, contest.executable)
                times.append(_first_token([file, *contest.ours()[1:]]))
            row.pairs.append((times[0], times[1]))
    return row


def packing(_contest: Contest) -> Row:
    """MB/s of `lmfile build` and of `cp`, both from and to the same directory."""
    row = Row(f"packing {PACK_BYTES >> 20} MiB", "MB/s", 0.8, higher=True)
    with tempfile.TemporaryDirectory() as folder:
        model = synthetic_gguf(Path(folder) / "model.gguf", PACK_BYTES)
        packed, copied = Path(folder) / "packed", Path(folder) / "copied"
        build = [sys.executable, "-m", "bundler", "build", str(model), "-o", str(packed), "--force"]
        commands = (build, ["cp", str(model), str(copied)])
        for turn in range(PAIRS + 1):
            ours, theirs = (_rate(command, model.stat().st_size) for command in commands)
            if turn:  # the first one only warms the page cache
                row.pairs.append((ours, theirs))
            packed.unlink()
            copied.unlink()
        shutil.rmtree(folder, ignore_errors=True)
    return row


def _first_token(command: list[str | Path]) -> float:
    with running("server", command) as server:
        return server.first_token(QUESTION).first_token_s


def _both(pair: tuple[Server, Server], measure: Callable[[Server], float]) -> tuple[float, float]:
    return measure(pair[0]), measure(pair[1])


def _rate(command: list[str], size_bytes: int) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return size_bytes / 1e6 / (time.monotonic() - began)
