"""Asks one accelerator's driver what it drives: run in a child, since a broken driver may crash or hang.

The child is this same program with `PROBE_FLAG` as its first argument; the entry point
hands the arguments after it to `main`. It prints one line and nothing else.
"""

import ctypes
import os
import sys
from typing import Any

PROBE_FLAG = "--probe"
CUDA_LIBRARIES = {"win32": "nvcuda.dll"}
VULKAN_LIBRARIES = {"win32": "vulkan-1.dll", "darwin": "libvulkan.1.dylib"}
METAL_LIBRARY = "/System/Library/Frameworks/Metal.framework/Metal"
NAME_BYTES = 256


class NotThere(Exception):
    """The driver or its device is missing; the text says which."""


def main(arguments: list[str]) -> int:
    """Print what the accelerator `arguments[0]` is; the exit code is 0 when it is there."""
    probes = {"cuda": cuda, "vulkan": vulkan, "metal": metal}
    probe = probes.get(arguments[0] if arguments else "")
    if probe is None:
        return 2
    try:
        found, status = probe(), 0
    except (NotThere, AttributeError) as error:
        found, status = str(error), 1
    os.write(1, found.encode("utf-8", "replace"))
    return status


def cuda() -> str:
    """Return the name of the first CUDA device. Raises: NotThere."""
    driver = _load(CUDA_LIBRARIES.get(sys.platform, "libcuda.so.1"))
    _check(driver.cuInit(0), "the driver does not start")
    count = ctypes.c_int()
    _check(driver.cuDeviceGetCount(ctypes.byref(count)), "the driver counts no devices")
    if not count.value:
        raise NotThere("the driver has no device")
    text = ctypes.create_string_buffer(NAME_BYTES)
    _check(driver.cuDeviceGetName(text, NAME_BYTES, 0), "the device has no name")
    more = f" and {count.value - 1} more" if count.value > 1 else ""
    return text.value.decode("utf-8", "replace") + more


def vulkan() -> str:
    """Return the version of the Vulkan loader. Raises: NotThere."""
    loader = _load(VULKAN_LIBRARIES.get(sys.platform, "libvulkan.so.1"))
    version = ctypes.c_uint32()
    _check(loader.vkEnumerateInstanceVersion(ctypes.byref(version)), "the loader does not start")
    return f"Vulkan {version.value >> 22 & 0x7F}.{version.value >> 12 & 0x3FF}"


def metal() -> str:
    """Return that the system has a Metal device. Raises: NotThere."""
    framework = _load(METAL_LIBRARY)
    framework.MTLCreateSystemDefaultDevice.restype = ctypes.c_void_p
    if not framework.MTLCreateSystemDefaultDevice():
        raise NotThere("there is no Metal device")
    return "Metal device"


def _load(library: str) -> Any:
    try:
        return ctypes.CDLL(library)
    except OSError:
        raise NotThere(f"no {library}") from None


def _check(status: int, otherwise: str) -> None:
    if status:
        raise NotThere(f"{otherwise} (error {status})")
