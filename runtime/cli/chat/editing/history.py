"""What was asked before, in this chat and in earlier ones: a file that only its user can read.

`LMFILE_HISTORY` names another file, or is `off`. What begins with a space is not kept, as in a shell.
"""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

OFF = ("off", "0", "no")
MAX_ENTRIES = 1000
MAX_ENTRY_BYTES = 16 << 10
MAX_BYTES = 1 << 20


def history_file(variables: Mapping[str, str]) -> Path | None:
    """Where it is kept; None: nowhere."""
    wanted = variables.get("LMFILE_HISTORY", "")
    if wanted.lower() in OFF:
        return None
    if wanted:
        return Path(wanted)
    home = variables.get("HOME", "")
    state = variables.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # noqa: PTH117 - also of an empty text
        state = f"{home}/Library/Application Support" if sys.platform == "darwin" else f"{home}/.local/state"
    return Path(state) / "lmfile" / "chat_history" if home else None


class History:
    """The entries, oldest first, with one place to look at. Failing to keep them stops nobody from chatting."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[str] = []
        self._path = path
        if path is not None:
            with suppress(OSError):
                self._read(path)

    def add(self, entry: str) -> None:
        """Remember what was entered."""
        if not entry.strip() or entry[0].isspace() or entry in self.entries[-1:]:
            return
        self.entries.append(entry)
        line = json.dumps(entry).encode() + b"\n"
        if self._path is not None and len(line) <= MAX_ENTRY_BYTES:
            with suppress(OSError):
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._write(self._path, os.O_APPEND, line)

    def search(self, words: str, before: int) -> int:
        """The place of the last entry before `before` that holds `words`; -1: there is none."""
        places = range(min(before, len(self.entries)) - 1, -1, -1)
        return next((place for place in places if words in self.entries[place]), -1)

    def _read(self, path: Path) -> None:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MAX_BYTES))
            lines = file.read(MAX_BYTES).splitlines()
        for line in lines[-MAX_ENTRIES:]:
            with suppress(ValueError, RecursionError):  # a line that was cut off
                entry = json.loads(line)
                if isinstance(entry, str):
                    self.entries.append(entry)
        if len(lines) > MAX_ENTRIES:
            kept = b"".join(json.dumps(entry).encode() + b"\n" for entry in self.entries[-MAX_ENTRIES // 2 :])
            shorter = path.with_name(f"{path.name}.{os.getpid()}")
            self._write(shorter, os.O_EXCL, kept)
            shorter.replace(path)

    def _write(self, path: Path, how: int, data: bytes) -> None:
        """Write to a file of this user alone, through no link."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | how | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            if hasattr(os, "fchmod"):
                os.fchmod(handle, 0o600)
            os.write(handle, data)
        finally:
            os.close(handle)
