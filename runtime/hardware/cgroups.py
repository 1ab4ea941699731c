"""The limits a Linux control group sets on memory and processor time, versions 1 and 2.

A container often shows its own group as the root of the mount while /proc names the path
outside: where the named directory does not exist, the root of the mount is read.
"""

from collections.abc import Iterator
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
UNLIMITED_BYTES = 1 << 60
"""Version 1 writes a page-aligned 2**63 for no limit."""


def memory_room_bytes(mount: Path = MOUNT, proc: Path = Path("/proc/self/cgroup")) -> int | None:
    """Return how much memory the tightest group leaves; None without a limit.

    What the group's files occupy in the page cache counts as room: it is given up when needed.
    """
    rooms = [_room_bytes(group) for group in _groups("memory", mount, proc)]
    return min((room for room in rooms if room is not None), default=None)


def memory_limit_bytes(mount: Path = MOUNT, proc: Path = Path("/proc/self/cgroup")) -> int | None:
    """Return the tightest memory limit; None without one."""
    limits = [_limit_bytes(group) for group in _groups("memory", mount, proc)]
    return min((limit for limit in limits if limit is not None), default=None)


def cpu_quota(mount: Path = MOUNT, proc: Path = Path("/proc/self/cgroup")) -> float | None:
    """Return how many processors' worth of time the tightest group allows; None without a limit."""
    quotas = [_quota(group) for group in _groups("cpu", mount, proc)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _groups(controller: str, mount: Path, proc: Path) -> Iterator[Path]:
    """Yield the directories of this process's group and its parents, for one controller."""
    for line in _text(proc).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            root = mount / "unified" if (mount / "unified").is_dir() else mount
        elif controller in controllers.split(","):
            root = next((mount / name for name in (controllers, controller) if (mount / name).is_dir()), mount)
        else:
            continue
        named = root / path.lstrip("/")
        group = named if named.is_dir() else root
        yield group
        while group != root:
            group = group.parent
            yield group


def _limit_bytes(group: Path) -> int | None:
    limit = _number(group / "memory.max")
    if limit is None:
        limit = _number(group / "memory.limit_in_bytes")
    return limit if limit is not None and limit < UNLIMITED_BYTES else None


def _room_bytes(group: Path) -> int | None:
    limit = _limit_bytes(group)
    if limit is None:
        return None
    used = _number(group / "memory.current")
    if used is None:
        used = _number(group / "memory.usage_in_bytes") or 0
    return max(0, limit - used + _file_cache_bytes(group))


def _file_cache_bytes(group: Path) -> int:
    values = dict(line.split(maxsplit=1) for line in _text(group / "memory.stat").splitlines() if " " in line)
    prefix = "total_" if "total_inactive_file" in values else ""
    return sum(int(values.get(f"{prefix}{kind}_file", 0)) for kind in ("inactive", "active"))


def _quota(group: Path) -> float | None:
    limit, _, period = _text(group / "cpu.max").strip().partition(" ")
    if not limit:
        limit = _text(group / "cpu.cfs_quota_us").strip()
        period = _text(group / "cpu.cfs_period_us").strip()
    if not limit.isdecimal() or not period.isdecimal() or int(period) == 0:
        return None
    return int(limit) / int(period)


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
