"""Which names a saved slot may have: plain ones, that mean one file in the folder on every system."""

import unicodedata
from pathlib import Path

from runtime.server.problem import invalid

MAX_BYTES = 255
SEPARATORS_AND_SIGNS = frozenset('/\\:*?"<>|')
INVISIBLE = frozenset(["Cc", "Cf", "Zl", "Zp"])
DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³")]
)
"""Windows opens a device for each, whatever stands after the first dot."""


def slot_path(folder: Path, filename: str) -> Path:
    """Return where the file of that name lies. Raises: Problem when it is no plain name, or a link is there."""
    fault = _fault(filename)
    if fault:
        raise invalid(f"`filename`: expected a plain file name, but it {fault}.")
    path = folder / filename
    if path.is_symlink() or path.is_dir():
        raise invalid("`filename`: expected a file, but there is a link or a folder of this name.")
    return path


def _fault(name: str) -> str | None:
    """What is wrong with the name; None: nothing."""
    if not name:
        return "is empty"
    if len(name.encode()) > MAX_BYTES:
        return f"is longer than {MAX_BYTES} bytes"
    if name[0] in ". " or name[-1] in ". ":
        return "begins or ends with a dot or a space"
    if any(letter in SEPARATORS_AND_SIGNS or unicodedata.category(letter) in INVISIBLE for letter in name):
        return "has a sign that cannot be in one"
    if name.split(".")[0].rstrip(" ").upper() in DEVICES:
        return "is that of a device"
    return None
