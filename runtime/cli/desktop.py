"""`--install-desktop` and `--remove-desktop`: this executable in the menu of programs of a Linux desktop.

    $XDG_DATA_HOME/applications/lmfile-NAME.desktop        or ~/.local/share/…
    $XDG_DATA_HOME/icons/lmfile-NAME.svg                   or .png

The entry names the executable where it lies now. Source of its rules: the Desktop Entry Specification 1.5.
"""

import contextlib
import hashlib
import os
import re
import sys
from pathlib import Path

from runtime.cli.flags import Options
from runtime.console import Console
from runtime.errors import CannotWrite, UsageError
from runtime.payload import Payload
from runtime.payload.assistant import ICON_TYPES

OWN_ICON = "app/webui/icon.svg"
COMMENT = "A language model that runs on this computer"
INSTEAD = {
    "darwin": "on macOS, drag the file onto the Dock, or make an alias of it in Applications",
    "win32": "on Windows, right-click the file and choose Pin to Start, or make a shortcut to it",
}
_RESERVED = frozenset(" \t\"'\\><~|&;$*?#()`")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def change(options: Options, payload: Payload | None, console: Console) -> int:
    """Write or remove the entry; return the exit code. Raises: UsageError, CannotWrite."""
    if sys.platform in INSTEAD:
        raise UsageError(f"Adding this to the menu of programs: {INSTEAD[sys.platform]}.")
    if payload is None:
        raise UsageError("Adding this to the menu of programs: this is a checkout, there is no executable to add.")
    name = payload.manifest.assistant.name or payload.manifest.name
    base = f"lmfile-{_slug(name)}"
    home = _data_home()
    entry = home / "applications" / f"{base}.desktop"
    icons = [home / "icons" / f"{base}{ending}" for ending in ICON_TYPES]
    if options.remove_desktop:
        return _remove([entry, *icons], console)
    member = payload.member(payload.manifest.assistant.icon or OWN_ICON)
    icon = home / "icons" / f"{base}{Path(member.path).suffix}" if member else None
    text = _entry(name, payload, icon)
    if member and icon:
        _write(icon, payload.read(member), console)
    _write(entry, text.encode(), console)
    console.note(f"{name} is in the menu of programs now; {_shell(payload.path)} --remove-desktop takes it out again.")
    return 0


def _slug(name: str) -> str:
    """For names of files, which is ASCII."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return words or hashlib.sha256(name.encode()).hexdigest()[:8]


def _data_home() -> Path:
    """Raises: UsageError without a home."""
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    if given.is_absolute():
        return given
    try:
        return Path.home() / ".local" / "share"
    except RuntimeError as error:
        raise UsageError("Looking for your menu of programs: there is no home directory; set HOME.") from error


def _entry(name: str, payload: Payload, icon: Path | None) -> str:
    """The text of the entry. Raises: UsageError for a path that no entry can name."""
    path = str(payload.path.absolute())
    if not path.isprintable():
        raise UsageError(
            f"Adding this to the menu of programs: no entry can name `{path}`; move the file to a path "
            f"without control characters."
        )
    greeting = payload.manifest.assistant.greeting.partition("\n")[0]
    lines = {
        "Type": "Application",
        "Version": "1.5",
        "Name": _string(name),
        "Comment": _string(greeting or COMMENT),
        "Exec": _string(" ".join(map(_argument, _command(path)))),
        "TryExec": _string(path),
        "Icon": _string(str(icon)) if icon else "",
        "Terminal": "false",
        "Categories": "Utility;",
    }
    return "[Desktop Entry]\n" + "".join(f"{key}={value}\n" for key, value in lines.items() if value)


def _command(path: str) -> list[str]:
    """What starts the executable. The first word may hold no `=`, and for GLib, which looks for it as it is, no `%`."""
    return ["/bin/sh", "-c", 'exec "$0"', path] if set(path) & set("%=") else [path]


def _argument(text: str) -> str:
    """An argument of Exec, which stands for exactly this text."""
    text = text.replace("%", "%%")
    if not _RESERVED & set(text):
        return text
    return '"' + re.sub(r'(["`$\\])', r"\\\1", text) + '"'


def _string(text: str) -> str:
    """A value of type string; blanks at its beginning would be lost."""
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return f"\\s{escaped[1:]}" if escaped.startswith(" ") else escaped


def _write(path: Path, content: bytes, console: Console) -> None:
    """Write the whole file or nothing. Raises: CannotWrite."""
    stage = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            stage.write_bytes(content)
            stage.replace(path)
        finally:
            with contextlib.suppress(OSError):
                stage.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWrite(path, (error.strerror or str(error)).lower()) from error
    console.note(f"wrote {path}")


def _remove(paths: list[Path], console: Console) -> int:
    """Raises: CannotWrite for what is there and cannot be removed."""
    found = [path for path in paths if path.is_file()]
    for path in found:
        try:
            path.unlink()
        except OSError as error:
            raise CannotWrite(path, (error.strerror or str(error)).lower()) from error
        console.note(f"removed {path}")
    if not found:
        console.note("It was not in the menu of programs.")
    return 0


def _shell(path: Path) -> str:
    """The path as somebody types it."""
    text = str(path.absolute())
    return text if re.fullmatch(r"[\w/.+:@-]+", text) else "'" + text.replace("'", "'\\''") + "'"
