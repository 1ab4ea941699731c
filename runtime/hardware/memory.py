"""How much memory this computer has, and how much of it a model may take now."""

import ctypes
import sys
from pathlib import Path
from typing import NamedTuple

from runtime.hardware import cgroups, sysctl


class Memory(NamedTuple):
    """In bytes. available: without pushing anybody else out; a control group's limit included."""

    total: int
    available: int


def memory() -> Memory:
    """Measure now."""
    return _measure()


if sys.platform == "win32":

    class _MemoryStatus(ctypes.Structure):
        """MEMORYSTATUSEX"""

        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load_percent", ctypes.c_uint32),
            ("total", ctypes.c_uint64),
            ("available", ctypes.c_uint64),
            ("total_page_file", ctypes.c_uint64),
            ("available_page_file", ctypes.c_uint64),
            ("total_virtual", ctypes.c_uint64),
            ("available_virtual", ctypes.c_uint64),
            ("available_extended_virtual", ctypes.c_uint64),
        )

    def private_bytes() -> int:
        """Return what this process holds that is not mapped from a file; 0 where that cannot be told."""
        return 0

    def _measure() -> Memory:
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return Memory(status.total, status.available)

elif sys.platform == "darwin":

    def private_bytes() -> int:
        """Return what this process holds that is not mapped from a file; 0 where that cannot be told."""
        return 0

    def _measure() -> Memory:
        total = sysctl.number("hw.memsize") or 0
        percent = sysctl.number("kern.memorystatus_level")
        return Memory(total, total * percent // 100 if percent is not None else total // 2)

else:
    import resource

    STATM = Path("/proc/self/statm")

    def private_bytes() -> int:
        """Return what this process holds that is not mapped from a file; 0 where that cannot be told."""
        pages = _statm()
        return (pages[1] - pages[2]) * resource.getpagesize() if pages else 0

    def _measure() -> Memory:
        values = _meminfo(Path("/proc/meminfo"))
        total = values.get("MemTotal", 0)
        available = values.get("MemAvailable", values.get("MemFree", 0))
        limit, room = cgroups.memory_limit_bytes(), cgroups.memory_room_bytes()
        return Memory(
            min(total, limit) if limit is not None else total,
            min(room for room in (available, room, _address_space_bytes()) if room is not None),
        )

    def _meminfo(path: Path) -> dict[str, int]:
        lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
        pairs = (line.split(":", 1) for line in lines if line.rstrip().endswith("kB"))
        return {name: int(value.split()[0]) * 1024 for name, value in pairs}

    def _address_space_bytes() -> int | None:
        """Return how much more this process may map; None without a limit."""
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        pages = _statm()
        if limit == resource.RLIM_INFINITY or not pages:
            return None
        return max(0, limit - pages[0] * resource.getpagesize())

    def _statm() -> list[int]:
        """Return this process's pages: mapped, resident, shared with files…; nothing where /proc is hidden."""
        return [int(pages) for pages in STATM.read_text(encoding="ascii").split()] if STATM.exists() else []
