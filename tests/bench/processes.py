"""A process and its descendants: which they are, what memory they hold, what time they have computed."""

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
UTIME, STIME = 11, 12
"""Where /proc/PID/stat has them, counted behind the name."""


def pss_bytes(pid: int) -> int:
    """Proportional set size of `pid` and all its descendants: a page that n processes share counts for 1/n."""
    return sum(_pss(process) for process in tree(pid))


def computed_s(pid: int) -> float:
    """Processor time of `pid` and all its living descendants so far."""
    return sum(_ticks(process) for process in tree(pid)) / TICKS_PER_S


def tree(pid: int) -> list[int]:
    """`pid` and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(task).split():
            found += tree(int(child))
    return found


def _pss(pid: int) -> int:
    for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _ticks(pid: int) -> int:
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return int(fields[UTIME]) + int(fields[STIME]) if fields else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # ended between the listing and the reading
