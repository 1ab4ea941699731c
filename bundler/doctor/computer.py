"""This computer: room for a build, processor and memory, what computes besides the processor, shared blocks."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bundler import store
from bundler.doctor.finding import Finding
from runtime import hardware

GROUP = "computer"
IMAGE_ROOM_BYTES = 3 << 30
"""An engine's source and objects, CPython, and PyInstaller's analysis, at the same time."""
MEMORY_BYTES = 2 << 30
FICLONE = 0x40049409  # linux/fs.h
LEVELS = (
    ("v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    ("v3", {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}),
    ("v2", {"cx16", "popcnt", "sse4_1", "sse4_2", "ssse3"}),
)
"""Levels of x86-64, the highest first, by the kernel's words for what they need (System V ABI, AMD64 supplement)."""


def findings(output: Path) -> Iterator[Finding]:
    """Look at each; `output`: the folder that executables go to."""
    yield _cache()
    yield _room("output", output, 0)
    report = hardware.report()
    level = _level()
    yield Finding(
        GROUP, "processor", "good", f"{report.cpu}{f', x86-64-{level}' if level else ''}, {report.cores} usable"
    )
    total, free = report.memory.total, report.memory.available
    is_small = total < MEMORY_BYTES
    note = "; compiling an engine wants 2 GB" if is_small else ""
    yield Finding(
        GROUP, "memory", "note" if is_small else "good", f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free{note}"
    )
    for device in report.accelerators:
        yield Finding(GROUP, device.name, "good" if device.usable else "note", device.why)
    yield _sharing(output)


def _cache() -> Finding:
    try:
        return _room("cache", store.cache_dir("logs").parent, IMAGE_ROOM_BYTES)
    except OSError as error:
        return Finding(GROUP, "cache", "missing", f"`{error.filename}`: {(error.strerror or str(error)).lower()}")


def _room(name: str, folder: Path, needed_bytes: int) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(GROUP, name, "missing", f"`{folder}`: {(error.strerror or str(error)).lower()}")
    if not os.access(folder, os.W_OK):
        return Finding(GROUP, name, "missing", f"`{folder}`: nothing can be written there")
    is_short = free < needed_bytes
    short = f"; making an image takes up to {needed_bytes / 1e9:.0f} GB" if is_short else ""
    return Finding(GROUP, name, "note" if is_short else "good", f"`{folder}`: {free / 1e9:.1f} GB free{short}")


def _level() -> str:
    """The level of x86-64, as far as the system tells: `v3`; empty elsewhere."""
    if platform.machine().lower() not in ("x86_64", "amd64") or not Path("/proc/cpuinfo").is_file():
        return ""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    flags = set(line.partition(":")[2].split())
    reached = [name for place, (name, _) in enumerate(LEVELS) if all(needed <= flags for _, needed in LEVELS[place:])]
    return reached[0] if reached else "v1"


def _sharing(folder: Path) -> Finding:
    """Whether a copy of gigabytes there is a matter of pointers: tried with two small files."""
    name = "reflinks"
    if sys.platform != "linux":
        return Finding(GROUP, name, "note", "not used on this system: repacking copies the weights")
    import fcntl

    try:
        with tempfile.TemporaryFile(dir=folder) as one, tempfile.TemporaryFile(dir=folder) as other:
            one.write(bytes(1 << 16))
            one.flush()
            fcntl.ioctl(other.fileno(), FICLONE, one.fileno())
    except OSError:
        return Finding(GROUP, name, "note", f"`{folder}` cannot share blocks: repacking copies the weights")
    return Finding(GROUP, name, "good", f"`{folder}` shares blocks: repacking takes seconds whatever the size")
