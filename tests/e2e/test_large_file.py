"""A model among gigabytes of others: packed, listed and started as if it were alone in the file."""

import json
import os
import shutil
import statistics
import sys
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.bench.memory import PeakMemory
from tests.conftest import BUILDER, PROJECT
from tests.questions import TALE
from tests.repacking import NOISE_BYTES, OTHERS_BYTES, among_gigabytes, cold
from tests.running import run, started
from tests.serving import address

PAIRS = 3

AT_MOST = 1.1
"""Times the model alone: the promise. What is added to it is what a measurement of this size cannot resolve."""
PAGES_BYTES = 4_000_000
TAIL_BYTES = 1_000_000


class Cost(NamedTuple):
    """What a start took until its first token."""

    peak_pss_bytes: int
    read_bytes: int


@pytest.fixture(scope="module")
def alone(executable: Path, shelf: Path) -> Path:
    """A copy that no server of another test has mapped: mapped pages stay in memory, and are shared."""
    return Path(shutil.copy(executable, shelf / "alone"))


@pytest.fixture(scope="module")
def large(executable: Path, shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return among_gigabytes(executable, shelf / "large", tmp_path_factory.mktemp("parts"))


def start(executable: Path, env: dict[str, str]) -> Cost:
    """Start a server, ask for one token, and see what it took."""
    with (
        started([executable, "--server", "--port", "0", "-t", "1"], env=env) as running,
        PeakMemory(running.pid) as memory,
    ):
        server = address(running)
        server.wait_ready()
        server.post("/completion", {"prompt": TALE, "n_predict": 1})
        io = [Path(f"/proc/{pid}/io").read_text() for pid in running.family()]
    read = sum(int(line.split()[1]) for text in io for line in text.splitlines() if line.startswith("read_bytes"))
    return Cost(memory.peak_bytes, read)


def pairs(alone: Path, large: Path, env: dict[str, str]) -> tuple[list[Cost], list[Cost]]:
    """Costs of the model alone and of the model among others, measured in turns, each from the disk."""
    costs: dict[Path, list[Cost]] = {alone: [], large: []}
    for turn in range(PAIRS):
        for file in (alone, large) if turn % 2 else (large, alone):
            cold(alone, large)
            costs[file].append(start(file, env))
    return costs[alone], costs[large]


def test_it_is_as_large_as_it_says(large: Path) -> None:
    assert large.stat().st_size > OTHERS_BYTES
    assert large.stat().st_blocks * 512 < OTHERS_BYTES / 10, "the hole was filled"


def test_it_is_listed_as_fast(executable: Path, large: Path) -> None:
    def listed(file: Path) -> float:
        began = time.monotonic()
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
        assert "manifest.json" in names
        command = [sys.executable, "-m", "bundler", "inspect", "--json", file]
        told = json.loads(run(command, env=BUILDER, cwd=PROJECT).out)
        assert told["size"] == file.stat().st_size
        assert "models/SmolLM2" in run(["unzip", "-l", file], env={"PATH": os.defpath}).out
        return time.monotonic() - began

    times = [(listed(executable), listed(large)) for _ in range(PAIRS)]
    alone, among = (min(column) for column in zip(*times, strict=True))
    assert among <= 2 * alone, "a directory of a few members more takes no longer to read"


def test_zip_tools_find_the_members_behind_4_gib(large: Path) -> None:
    with zipfile.ZipFile(large) as archive:
        info = archive.getinfo("models/zz.gguf")
        assert info.file_size == OTHERS_BYTES - 2 * NOISE_BYTES
        assert json.loads(archive.read("manifest.json"))["name"] == "smollm2"
        assert archive.getinfo("runtime.tar.zst").header_offset > 1 << 32


def test_it_starts_from_the_disk_at_the_same_cost(alone: Path, large: Path, env: dict[str, str]) -> None:
    """In memory and in bytes read; the time is a row of the benchmark, where no other test runs beside it."""
    singly, among = pairs(alone, large, env)
    told = f"alone {singly}, among others {among}"
    reads = [statistics.median(cost.read_bytes for cost in costs) for costs in (singly, among)]
    peaks = [statistics.median(cost.peak_pss_bytes for cost in costs) for costs in (singly, among)]
    assert reads[0] > 90_000_000, "the page cache was not cold"
    assert reads[1] <= AT_MOST * reads[0] + TAIL_BYTES, told
    assert peaks[1] <= AT_MOST * peaks[0] + PAGES_BYTES, told
