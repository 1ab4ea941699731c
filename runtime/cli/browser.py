"""Opens the chat page in the user's browser, from a program that may have no terminal.

Detached and silent: the browser must not end with this program, write into its terminal
or hold it up. A machine without a browser is no error: the address is printed anyway.
"""

import os
import shutil
import subprocess
import sys

OPENERS = ("xdg-open", "gio", "wslview", "sensible-browser", "x-www-browser")


def open_browser(url: str) -> bool:
    """Open `url`; return whether something was there to open it with."""
    if sys.platform == "win32":
        try:
            os.startfile(url)
        except OSError:  # nothing is set up to open addresses with
            return False
        return True
    if sys.platform == "darwin":
        return _spawn(["/usr/bin/open", url])
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("WSL_DISTRO_NAME")):
        return False
    for opener in OPENERS:
        if path := shutil.which(opener):
            return _spawn([path, "open", url] if opener == "gio" else [path, url])
    return False


def _spawn(command: list[str]) -> bool:
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True
