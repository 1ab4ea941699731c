"""Where API keys come from. Imports nothing slow: whether there is a key decides which addresses may be opened."""

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from runtime.errors import UsageError

ENVIRONMENT = "LMFILE_API_KEY"
MAX_FILE_BYTES = 64 << 10


def gather_keys(given: str | None, file: str | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of --api-key (several with commas), LMFILE_API_KEY and --api-key-file (one per line).

    Raises: UsageError when the flag holds no key, or the file cannot be read, holds none, or others may read it.
    """
    if given is not None and not given.replace(",", "").strip():
        # `--api-key "$KEY"` without a KEY would leave open what somebody wanted to lock.
        raise UsageError("Reading the command line: --api-key is empty; leave it out to serve without a key.")
    keys = [*(given or "").split(","), environ.get(ENVIRONMENT, "")]
    if file is not None:
        keys += _read(Path(file))
    return tuple(dict.fromkeys(key.strip() for key in keys if key.strip()))


def _read(path: Path) -> list[str]:
    doing = f"Reading the API keys in `{path}`"
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_FILE_BYTES + 1)
        lines = content.decode("utf-8").split()
    except OSError as error:
        raise UsageError(f"{doing}: {error.strerror}; check the path.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{doing}: this is not a text file; write one key per line.") from error
    if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{doing}: other users may read the file; run `chmod 600 {path}`.")
    if not lines or len(content) > MAX_FILE_BYTES:
        raise UsageError(f"{doing}: it holds no key, or is too long; write one key per line.")
    return lines
