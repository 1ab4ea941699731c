"""Commands for a system that one program sees otherwise: other mounts, another user, another root directory.

The kernel does it (namespaces), nothing has to be undone. Without root a user namespace stands
in: the program then has the other user's number, and the rights of the one who tests.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from tests.running import Command

NOBODY = 65534
LIBRARIES = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1")
LOADER = "ld-linux-x86-64.so.2"


def mounted(shell: str, command: Command) -> list[str]:
    """`command` after the shell commands `shell`, whose mounts only it and its children see."""
    as_root = ["--map-root-user"] if os.geteuid() else []
    script = f'{shell}\nexec "$@"'
    return ["unshare", *as_root, "--mount", "sh", "-euc", script, "sh", *map(str, command)]


def tmpfs(path: Path | str, options: str) -> str:
    """The shell command that puts an empty file system at `path`."""
    return f"mount -t tmpfs -o {shlex.quote(options)} none {shlex.quote(os.fspath(path))}"


def as_user(command: Command, uid: int = NOBODY) -> list[str]:
    """`command` as another user, who is in no group and owns nothing here."""
    if os.geteuid():
        switch = ["unshare", f"--map-user={uid}", f"--map-group={uid}", "--"]
    else:
        switch = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"]
    return [*switch, *map(str, command)]


def bare(root: Path, executable: Path, libc: Path, command: Sequence[str]) -> list[str]:
    """`command` where the root directory `root` holds `executable` as /program, glibc from `libc`, and nothing else."""
    place = shlex.quote(os.fspath(root))
    libraries = " ".join(shlex.quote(os.fspath(libc / name)) for name in LIBRARIES)
    shell = "\n".join(
        [
            tmpfs(root, "mode=0755"),
            f"cd {place}",
            "mkdir -p lib64 lib/x86_64-linux-gnu proc dev tmp && chmod 1777 tmp",
            f"cp -L {shlex.quote(os.fspath(libc / LOADER))} lib64/",
            f"cp -L {libraries} lib/x86_64-linux-gnu/",
            "for name in null urandom; do touch dev/$name && mount --bind /dev/$name dev/$name; done",
            f"touch program && mount --bind {shlex.quote(os.fspath(executable))} program",
            "mount -t proc none proc 2>/dev/null || mount --rbind /proc proc",
        ]
    )
    return mounted(shell, ["chroot", root, *command])
