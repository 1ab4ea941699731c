"""Says on which devices ggml computes: the variant of its CPU code, and every accelerator."""

import ctypes
import os
import sys
from ctypes import POINTER, Structure, c_char_p, c_void_p

from runtime.engine.backends.llama_native import DEVICE_HELPS_CPU, DEVICE_IS_CPU, Native


class _SymbolInfo(Structure):
    """Dl_info"""

    _fields_ = (("file", c_char_p), ("base", c_void_p), ("symbol", c_char_p), ("address", c_void_p))


def cpu_variant(native: Native) -> str:
    """Return which of the CPU libraries was chosen, such as `zen4`."""
    register = native.ggml_backend_dev_backend_reg(native.cpu())
    address = native.ggml_backend_reg_get_proc_address(register, b"ggml_threadpool_new")
    stem = os.path.basename(_file_of(address)).rsplit(".", 1)[0]  # noqa: PTH119 - it may be a Windows path of bytes
    return stem.removeprefix("lib").removeprefix("ggml-cpu").lstrip("-") or "generic"


def accelerators(native: Native) -> list[str]:
    """Return `name: description` of each device that is no CPU."""
    found = []
    for device in native.devices():
        if native.ggml_backend_dev_type(device) not in (DEVICE_IS_CPU, DEVICE_HELPS_CPU):
            name, description = native.ggml_backend_dev_name(device), native.ggml_backend_dev_description(device)
            found.append(f"{_text(name)}: {_text(description)}")
    return found


def _file_of(address: int | None) -> str:
    """Return the path of the library that holds `address`."""
    if not address:
        return ""
    if sys.platform == "win32":
        return _windows_file_of(address)
    info = _SymbolInfo()
    lookup = ctypes.CDLL(None).dladdr
    lookup.argtypes = (c_void_p, POINTER(_SymbolInfo))
    return os.fsdecode(info.file) if lookup(address, ctypes.byref(info)) and info.file else ""


if sys.platform == "win32":
    FROM_ADDRESS_UNCOUNTED = 0x4 | 0x2
    PATH_CHARACTERS = 32768

    def _windows_file_of(address: int) -> str:
        kernel = ctypes.windll.kernel32
        module = c_void_p()
        kernel.GetModuleHandleExW(FROM_ADDRESS_UNCOUNTED, c_void_p(address), ctypes.byref(module))
        path = ctypes.create_unicode_buffer(PATH_CHARACTERS)
        kernel.GetModuleFileNameW(module, path, PATH_CHARACTERS)
        return path.value


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
