"""Opens a finished executable for the commands that look into it."""

from pathlib import Path

from runtime.errors import UsageError
from runtime.payload import Payload


def open_executable(path: Path) -> Payload:
    """Return the payload of `path`. Raises: UsageError if it cannot be read, PayloadDamaged if it is not whole."""
    try:
        return Payload.open(path)
    except OSError as error:
        raise UsageError(f"Reading `{path}`: {(error.strerror or str(error)).lower()}; check the path.") from error
