"""Which accelerators this computer has, and why each is used or is not.

On Linux a driver is asked only where its device node exists, so that a computer without
one spends no process on the question.
"""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from runtime import program
from runtime.hardware import libraries
from runtime.hardware.probe import PROBE_FLAG

TIMEOUT_S = 5.0

LABELS = {"cuda": "CUDA", "vulkan": "Vulkan", "metal": "Metal"}
DEVICE_NODES = {"cuda": ("/dev/nvidiactl", "/dev/dxg"), "vulkan": ("/dev/dri", "/dev/nvidiactl", "/dev/dxg")}
NO_WINDOW = 0x08000000 if sys.platform == "win32" else 0
"""CREATE_NO_WINDOW"""

NO_NODE = {"cuda": "no NVIDIA device", "vulkan": "no graphics device"}


class Accelerator(NamedTuple):
    """found: a driver answered; usable: this build has the engine's part for it; why: in words."""

    name: str
    found: bool
    usable: bool
    why: str


def survey() -> list[Accelerator]:
    """Look for every accelerator at once; takes at most 5 s, and nothing where there are no devices."""
    names = ["metal"] if sys.platform == "darwin" else ["cuda", "vulkan"]
    probes = {name: None if _has_no_node(name) else _start(name) for name in names}
    return [_judge(name, probe) for name, probe in probes.items()]


def _has_no_node(name: str) -> bool:
    return sys.platform == "linux" and not any(Path(node).exists() for node in DEVICE_NODES[name])


def _start(name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*program.command(), PROBE_FLAG, name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=NO_WINDOW,
    )


def _judge(name: str, probe: subprocess.Popen[bytes] | None) -> Accelerator:
    label = LABELS[name]
    if probe is None:
        return Accelerator(label, found=False, usable=False, why=NO_NODE[name])
    found, said = _answer(probe)
    if not found:
        return Accelerator(label, found=False, usable=False, why=said)
    if not libraries.has_backend(name):
        return Accelerator(label, found=True, usable=False, why=f"{said} found, but this build has no {label} part")
    return Accelerator(label, found=True, usable=True, why=said)


def _answer(probe: subprocess.Popen[bytes]) -> tuple[bool, str]:
    try:
        out, _ = probe.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        probe.kill()
        probe.communicate()
        return False, f"the driver did not answer within {TIMEOUT_S:.0f} s"
    said = out.decode("utf-8", "replace").strip()[:200]
    if probe.returncode == 0:
        return True, said
    if probe.returncode == 1 and said:
        return False, said
    return False, f"the driver ended its process (status {probe.returncode})"
