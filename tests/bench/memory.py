"""Memory of both servers after the same load with the same settings, and its peak meanwhile."""

import shutil
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from tests.bench.contest import Contest
from tests.bench.processes import pss_bytes
from tests.bench.row import Row
from tests.bench.servers import running
from tests.bench.texts import QUESTION, prompts

SAMPLE_S = 0.02
CLIENTS = 4
TOKENS = 32
BUDGET_MB = 60.0
SETTINGS = ("-np", str(CLIENTS), "-c", "8192")


class PeakMemory:
    """Samples a process and its descendants between `with` and its end; `peak_bytes` is the highest sum."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            self.peak_bytes = max(self.peak_bytes, pss_bytes(self._pid))


def rows(contest: Contest) -> list[Row]:
    """Each server alone with files of its own: of pages that another process maps, too, it would count for a part."""
    with tempfile.TemporaryDirectory(dir=contest.executable.parent) as folder:
        executable, model = (Path(shutil.copy2(file, folder)) for file in (contest.executable, contest.model))
        alone = replace(contest, executable=executable, model=model)
        ours, our_peak = _after_load(alone.ours(*SETTINGS))
        theirs, their_peak = _after_load(alone.theirs(*SETTINGS))
    beyond = Row("memory (PSS) beyond llama-server's, against 60 MB", "MB", 1.0, higher=False)
    beyond.pairs = [(ours - theirs, BUDGET_MB)]
    beyond.peers = {"lmfile": ours, "llama-server": theirs}
    peak = Row("peak memory (PSS)", "MB", 2.0, higher=False, pairs=[(our_peak, their_peak)])
    return [beyond, peak]


def _after_load(command: list[str]) -> tuple[float, float]:
    """MB after the load, and the most meanwhile."""
    with running("server", command) as server:
        server.first_token(QUESTION)
        with PeakMemory(server.pid) as memory:
            for turn in range(2):
                server.complete_all(prompts(turn, CLIENTS), TOKENS)
        return pss_bytes(server.pid) / 1e6, memory.peak_bytes / 1e6
