"""Where an executable runs: any directory, any user, any home, any path, no Python, little else on the machine."""

import shutil
from pathlib import Path

import pytest

from tests.namespaces import NOBODY, as_user, bare, mounted, tmpfs
from tests.questions import SEE, SEEN
from tests.running import Done, run


def answered(done: Done) -> None:
    assert (done.status, done.out) == (0, SEEN), done


@pytest.mark.parametrize("directory", ["/", "/proc", "/usr/bin"])
def test_any_working_directory(directory: str, tiny: Path, env: dict[str, str]) -> None:
    answered(run([tiny, *SEE], env=env, cwd=Path(directory)))


def test_a_working_directory_that_is_gone(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    script = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"'
    answered(run(["sh", "-c", script, tmp_path / "gone", tiny, *SEE], env=env))


def test_a_path_with_spaces_and_letters(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "Ein Ordner, été" / "東京 №1 'quoted' $HOME"
    place.mkdir(parents=True)
    shutil.copyfile(tiny, place / "mein Assistent ✓")
    (place / "mein Assistent ✓").chmod(0o755)
    answered(run([place / "mein Assistent ✓", *SEE], env=env))
    answered(run(["./mein Assistent ✓", *SEE], env=env, cwd=place))
    answered(run(["mein Assistent ✓", *SEE], env={**env, "PATH": str(place)}))


def test_a_link_to_it(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tiny)
    answered(run([tmp_path / "link", *SEE], env=env))


HOME = "/mnt/home"
TOLD = '"$@"; status=$?; find "${HOME:-/mnt}" /var/tmp /tmp /dev/shm -name .complete >&2 2>/dev/null; exit $status'
"""Runs the program, then says on stderr where it has put its runtime."""

HOMES = {
    # how the home is: options of its mount, of /var/tmp's and of /tmp's; where the runtime goes
    "writable": ("mode=0700", "", "", f"{HOME}/.cache/lmfile"),
    "read-only": ("ro", "", "", "/var/tmp/lmfile-"),
    "noexec": ("noexec", "", "", "/var/tmp/lmfile-"),
    "writable, /tmp noexec": ("mode=0700", "noexec", "noexec", f"{HOME}/.cache/lmfile"),
    "noexec, /var/tmp noexec": ("noexec", "noexec", "", "/tmp/lmfile-"),
    "noexec, /var/tmp and /tmp noexec": ("noexec", "noexec", "noexec", "/dev/shm/lmfile-"),
}


def with_home(executable: Path, home: str, var_tmp: str, tmp: str) -> str:
    """The shell commands for a system with such directories, and the executable in one that stays: /mnt."""
    return "\n".join(
        [
            tmpfs("/mnt", "mode=0755"),
            f"touch /mnt/program && mount --bind '{executable}' /mnt/program",
            f"mkdir {HOME} && {tmpfs(HOME, home)}",
            tmpfs("/var/tmp", f"mode=1777,{var_tmp}".strip(",")),
            tmpfs("/dev/shm", "mode=1777"),
            tmpfs("/tmp", f"mode=1777,{tmp}".strip(",")),
        ]
    )


@pytest.mark.parametrize("name", HOMES)
def test_any_home(name: str, tiny: Path) -> None:
    home, var_tmp, tmp, place = HOMES[name]
    command = mounted(with_home(tiny, home, var_tmp, tmp), ["sh", "-c", TOLD, "sh", "/mnt/program", *SEE])
    done = run(command, env={"HOME": HOME})
    answered(done)
    assert done.complaints.startswith(place)
    assert len(done.complaints.splitlines()) == 1


def test_no_home_and_a_user_who_owns_nothing(tiny: Path) -> None:
    command = as_user(["env", "-i", "sh", "-c", TOLD, "sh", "/mnt/program", *SEE])
    done = run(mounted(with_home(tiny, "mode=0700", "", ""), command))
    answered(done)
    assert done.complaints.startswith(f"/var/tmp/lmfile-{NOBODY}/")


def test_a_user_with_a_home(tiny: Path) -> None:
    given = f"{with_home(tiny, 'mode=0755', '', '')}\nchown {NOBODY} {HOME} 2>/dev/null || true"
    done = run(mounted(given, as_user(["sh", "-c", TOLD, "sh", "/mnt/program", *SEE])), env={"HOME": HOME})
    answered(done)
    assert done.complaints.startswith(f"{HOME}/.cache/lmfile/")


def test_a_machine_with_nothing_but_glibc(tiny: Path, tmp_path: Path) -> None:
    """No Python, no shell, no /etc, no locale: the root directory holds the executable and the C library."""
    libc = Path("/lib/x86_64-linux-gnu")
    answered(run(bare(tmp_path, tiny, libc, ["/program", *SEE])))
