"""Reads the values that macOS keeps under names, such as `hw.memsize`."""

import ctypes


def number(name: str) -> int | None:
    """Return an integer value; None where there is none of this name."""
    raw = _read(name)
    return int.from_bytes(raw, "little", signed=True) if raw and len(raw) in (4, 8) else None


def text(name: str) -> str:
    """Return a string value; empty where there is none of this name."""
    return (_read(name) or b"").rstrip(b"\0").decode("utf-8", "replace")


def _read(name: str) -> bytes | None:
    read = getattr(ctypes.CDLL(None), "sysctlbyname", None)
    if read is None:
        return None
    buffer = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(len(buffer))
    failed = read(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0))
    return None if failed else buffer.raw[: size.value]
