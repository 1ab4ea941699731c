"""Paths as somebody wrote them, who may have written anything."""

from pathlib import Path


def is_there(text: str | Path) -> bool:
    """Whether it leads to something; too long a name, a NUL or a home that nobody has leads nowhere."""
    try:
        return Path(text).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False
