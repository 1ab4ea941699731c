"""Which processor this is, and how many threads a model should use on it.

One thread per physical core that this process may use: a second one on the same core
only waits for the first. Slow cores of a hybrid processor are left out, since all threads
wait for the slowest. A control group's quota is a limit too.
"""

import math
import os
import platform
import sys
from pathlib import Path

from runtime.hardware import cgroups, sysctl

FAST_CORES = Path("/sys/devices/cpu_core/cpus")
TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def name() -> str:
    """Return the processor's own name, such as `AMD EPYC 9654`; the architecture if it has none."""
    if sys.platform == "win32":
        found = _registry_name()
    elif sys.platform == "darwin":
        found = sysctl.text("machdep.cpu.brand_string")
    else:
        found = _cpuinfo_name(Path("/proc/cpuinfo"))
    return found.strip() or platform.machine()


def usable() -> int:
    """Return how many logical processors this process may run on."""
    return len(_allowed())


def threads() -> int:
    """Return how many threads compute fastest here when nothing else runs."""
    if sys.platform == "linux":
        cores = _physical_cores(_allowed() & _fast_cores() or _allowed())
        quota = cgroups.cpu_quota()
        return max(1, min(cores, math.ceil(quota)) if quota else cores)
    if sys.platform == "darwin":
        return sysctl.number("hw.perflevel0.physicalcpu") or sysctl.number("hw.physicalcpu") or usable()
    logical = usable()
    return logical if logical <= 4 else logical // 2


def _allowed() -> set[int]:
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _fast_cores() -> set[int]:
    text = FAST_CORES.read_text(encoding="ascii") if FAST_CORES.exists() else ""
    return _numbers(text) or _allowed()


def _physical_cores(processors: set[int]) -> int:
    """Count the cores that `processors` are threads of."""
    cores = set()
    for processor in processors:
        siblings = Path(TOPOLOGY.format(processor))
        cores.add(siblings.read_text(encoding="ascii").strip() if siblings.exists() else str(processor))
    return len(cores)


def _numbers(text: str) -> set[int]:
    """Return the numbers of a kernel list such as `0-3,8`."""
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdecimal():
            found.update(range(int(first), int(last if last.isdecimal() else first) + 1))
    return found


def _cpuinfo_name(cpuinfo: Path) -> str:
    with cpuinfo.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model", "Hardware"):
                return value
    return ""


if sys.platform == "win32":
    import winreg

    def _registry_name() -> str:
        path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
