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
    if sys.platform == "win32":
        return _windows()
    if sys.platform == "darwin":
        return _macos()
    return _linux(Path("/proc"))


def private_bytes() -> int:
    """Return what this process holds that is not mapped from a file; 0 where that cannot be told."""
    statm = Path("/proc/self/statm")
    if sys.platform != "linux" or not statm.exists():
        return 0
    _, resident_pages, shared_pages, *_ = map(int, statm.read_text(encoding="ascii").split())
    return (resident_pages - shared_pages) * resource.getpagesize()


def _linux(proc: Path) -> Memory:
    values = _meminfo(proc / "meminfo")
    total = values.get("MemTotal", 0)
    available = values.get("MemAvailable", values.get("MemFree", 0))
    limit, room = cgroups.memory_limit_bytes(), cgroups.memory_room_bytes()
    address_space = _address_space_bytes(proc / "self" / "statm")
    return Memory(
        min(total, limit) if limit is not None else total,
        min(room for room in (available, room, address_space) if room is not None),
    )


def _meminfo(path: Path) -> dict[str, int]:
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    pairs = (line.split(":", 1) for line in lines if line.rstrip().endswith("kB"))
    return {name: int(value.split()[0]) * 1024 for name, value in pairs}


if sys.platform != "win32":
    import resource

    def _address_space_bytes(statm: Path) -> int | None:
        """Return how much more this process may map; None without a limit."""
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit == resource.RLIM_INFINITY or not statm.exists():
            return None
        used_pages = int(statm.read_text(encoding="ascii").split()[0])
        return max(0, limit - used_pages * resource.getpagesize())


def _macos() -> Memory:
    total = sysctl.number("hw.memsize") or 0
    percent = sysctl.number("kern.memorystatus_level")
    return Memory(total, total * percent // 100 if percent is not None else total // 2)


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


if sys.platform == "win32":

    def _windows() -> Memory:
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return Memory(status.total, status.available)
