"""Peak memory of a process tree, as its proportional set size (PSS): shared pages count once."""

import threading
from pathlib import Path

SAMPLE_S = 0.02


def pss_bytes(pid: int) -> int:
    """PSS of `pid` and all its descendants at this moment."""
    return sum(_pss(process) for process in [pid, *_descendants(pid)])


class PeakMemory:
    """Samples a tree in the background between `with` and its end; `peak_bytes` is the highest sum."""

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


def _pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # ended between the listing and the reading
    return 0


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found
