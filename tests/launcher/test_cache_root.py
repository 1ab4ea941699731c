"""Which directory becomes the cache root, and which are refused because somebody else could put code there."""

import os
import stat
from pathlib import Path

import pytest

from tests.launcher.sample import Sample, facts, intact, nothing_extracted, start
from tests.namespaces import NOBODY, as_user, mounted, tmpfs
from tests.running import Done, run, sentence

HINT = "name another with --cache-dir DIR or LMFILE_CACHE."


def root_of(done: Done) -> str:
    """The cache root that the runtime was told."""
    [root] = [line for line in facts(done, "variable") if line.startswith("LMFILE_CACHE_DIR=")]
    return root.removeprefix("LMFILE_CACHE_DIR=")


@pytest.mark.parametrize("words", [["--cache-dir", "{}"], ["--cache-dir=/no/such", "x", "--cache-dir={}"]])
def test_flag_comes_before_everything(words: list[str], small: Sample, tmp_path: Path) -> None:
    arguments = [word.format(tmp_path / "flag") for word in words]
    done = start(small, *arguments, cache=tmp_path / "variable", XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert root_of(done) == str(tmp_path / "flag")
    assert facts(done, "argument")[1:] == arguments
    assert [path.name for path in tmp_path.iterdir()] == ["flag"]


def test_flag_behind_the_end_of_options_is_an_argument(small: Sample, cache: Path, tmp_path: Path) -> None:
    assert root_of(start(small, "--", "--cache-dir", str(tmp_path / "flag"), cache=cache)) == str(cache)


@pytest.mark.parametrize("words", [["--cache-dir"], ["--cache-dir="], ["--cache-dir", ""]])
def test_flag_without_a_directory(words: list[str], small: Sample, cache: Path) -> None:
    assert "--cache-dir" in sentence(start(small, *words, cache=cache), 10)
    assert not cache.exists()


def test_relative_directory(small: Sample, tmp_path: Path) -> None:
    assert root_of(run([small.path, "--cache-dir", "a/../b//c/"], cwd=tmp_path)) == str(tmp_path / "b" / "c")


def test_order_of_the_places(small: Sample, tmp_path: Path) -> None:
    home, xdg = tmp_path / "home", tmp_path / "xdg"
    home.mkdir()
    env = {"HOME": str(home), "XDG_CACHE_HOME": str(xdg)}
    assert root_of(start(small, **env, LMFILE_CACHE=str(tmp_path / "named"))) == str(tmp_path / "named")
    assert root_of(start(small, **env, LMFILE_CACHE="")) == str(xdg / "lmfile")
    assert root_of(start(small, **env | {"XDG_CACHE_HOME": "relative"})) == str(home / ".cache" / "lmfile")
    assert root_of(start(small, HOME=f"{home}//")) == str(home / ".cache" / "lmfile")


ROOT = 0
"""Who a program is in a system of its own (tests/namespaces.py), unless it runs as another user there."""


def elsewhere(small: Sample, shell: str, command: list[str], **env: str) -> Done:
    """Run where /mnt, /var/tmp, /tmp and /dev/shm are empty, after more shell commands; the lmfile is /mnt/it."""
    base = [tmpfs("/mnt", "mode=0755"), f"cp '{small.path}' /mnt/it"]
    base += [tmpfs(shared, "mode=1777") for shared in ("/var/tmp", "/dev/shm", "/tmp")]
    return run(mounted("\n".join([*base, shell]), command), env=env)


def test_home_of_the_password_file(small: Sample) -> None:
    shell = f"echo 'me:x:{ROOT}:0::/mnt/me:/bin/sh' > /mnt/passwd; mkdir /mnt/me\n"
    shell += "mount --bind /mnt/passwd /etc/passwd"
    done = elsewhere(small, shell, ["/mnt/it"])
    assert root_of(done) == "/mnt/me/.cache/lmfile"


def test_a_home_that_is_not_there_is_not_made(small: Sample) -> None:
    done = elsewhere(small, "", ["sh", "-c", "/mnt/it; ls /mnt >&2"], HOME="/mnt/no/home")
    assert root_of(done) == f"/var/tmp/lmfile-{ROOT}"
    assert done.err == "it\n"


def test_first_start_puts_it_where_nobody_else_can_look(small: Sample, tmp_path: Path) -> None:
    root = Path(root_of(start(small, HOME=str(tmp_path))))
    found = [root.parent, root, *root.rglob("*")]
    assert {stat.S_IMODE(path.lstat().st_mode) for path in found if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.lstat().st_mode) for path in found if path.is_file()} == {0o600, 0o700}


def test_an_own_directory_that_others_may_read_is_closed_to_them(small: Sample, tmp_path: Path) -> None:
    root = tmp_path / ".cache" / "lmfile"
    (root / "runtimes").mkdir(parents=True, mode=0o755)
    assert root_of(start(small, HOME=str(tmp_path))) == str(root)
    assert stat.S_IMODE(root.stat().st_mode) == stat.S_IMODE((root / "runtimes").stat().st_mode) == 0o700


def test_a_directory_that_the_user_names_keeps_its_mode(small: Sample, cache: Path) -> None:
    cache.mkdir(mode=0o755)
    assert start(small, cache=cache).status == 0
    assert stat.S_IMODE(cache.stat().st_mode) == 0o755
    assert stat.S_IMODE((cache / "runtimes").stat().st_mode) == 0o700


def refused(small: Sample, cache: Path) -> str:
    """The sentence with which `cache` is refused, by flag and by variable; nothing may be put anywhere."""
    by_variable = sentence(start(small, cache=cache, HOME=str(cache.parent / "home")), 31)
    by_flag = sentence(start(small, f"--cache-dir={cache}", HOME=str(cache.parent / "home")), 31)
    assert by_variable == by_flag
    assert by_flag.startswith("Choosing the cache directory: `")
    assert by_flag.endswith(HINT)
    assert not (cache.parent / "home").exists()
    return by_flag


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777, 0o720])
@pytest.mark.parametrize("below", ["", "runtimes"])
def test_writable_by_others(mode: int, below: str, small: Sample, cache: Path) -> None:
    (cache / below).mkdir(parents=True)
    (cache / below).chmod(mode)
    assert f"`{cache / below}` can be written by other users".replace("/`", "`") in refused(small, cache)


@pytest.mark.parametrize("below", ["", "runtimes"])
def test_symbolic_link(below: str, small: Sample, cache: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    if below:
        cache.mkdir()
    (cache / below).symlink_to(target)
    assert "is a symbolic link" in refused(small, cache)
    assert not list(target.iterdir())


@pytest.mark.parametrize("below", ["", "runtimes"])
@pytest.mark.parametrize("kind", ["file", "fifo", "dangling"])
def test_not_a_directory(kind: str, below: str, small: Sample, cache: Path) -> None:
    if below:
        cache.mkdir()
    place = cache / below
    {"file": place.touch, "fifo": lambda: os.mkfifo(place), "dangling": lambda: place.symlink_to("no")}[kind]()
    said = refused(small, cache)
    assert ("is a symbolic link" if kind == "dangling" else "is not a directory") in said


def test_a_parent_in_which_everybody_can_write(small: Sample, cache: Path) -> None:
    parent = cache / "shared"
    parent.mkdir(parents=True)
    parent.chmod(0o777)
    said = refused(small, parent / "mine")
    assert f"`{parent / 'mine'}` lies below `{parent}`, where every user can write" in said
    parent.chmod(0o1777)
    assert root_of(start(small, cache=parent / "mine")) == str(parent / "mine")


def test_a_parent_that_is_a_link_is_resolved(small: Sample, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    assert root_of(start(small, cache=tmp_path / "link" / "it")) == str(tmp_path / "disk" / "it")


def test_a_directory_of_somebody_else(small: Sample) -> None:
    """Another user was first in the shared directories, with a runtime of theirs: nothing of it is run.

    Without root there is no other user; what others may write to stands in.
    """
    foreign = os.geteuid() == ROOT
    mark, reason = (
        (f"chown -R {NOBODY}", "belongs to another user") if foreign else ("chmod 777", "can be written by other users")
    )
    places = [f"{shared}/lmfile-{ROOT}" for shared in ("/var/tmp", "/tmp", "/dev/shm")]
    shell = "\n".join(f"mkdir -p {place}/runtimes/{small.digest}/bin\n{mark} {place}" for place in places)
    assert sentence(elsewhere(small, shell, ["/mnt/it"], HOME="/mnt/none"), 31).count(reason) == 3


def test_places_that_allow_no_programs(small: Sample) -> None:
    shell = "\n".join(f"mount -o remount,bind,noexec {place}" for place in ("/var/tmp", "/tmp"))
    assert root_of(elsewhere(small, shell, ["/mnt/it"], HOME="/mnt/none")) == f"/dev/shm/lmfile-{ROOT}"
    done = elsewhere(small, shell, ["/mnt/it"], LMFILE_CACHE="/tmp/named")
    assert "`/tmp/named` is on a file system that lets no programs run (noexec)" in sentence(done, 31)


def test_read_only_places(small: Sample) -> None:
    shell = "\n".join(f"mount -o remount,bind,ro {place}" for place in ("/var/tmp", "/tmp", "/dev/shm"))
    said = sentence(elsewhere(small, shell, ["/mnt/it"], HOME="/mnt/home"), 31)
    assert said.count("cannot be created: Read-only file system") == 3
    assert "`/mnt/home/.cache/lmfile` cannot be created: No such file or directory" in said


def test_a_runtime_on_a_disk_that_became_read_only(small: Sample) -> None:
    """A container image with a warm cache: it is used, not copied."""
    close = "mount -o remount,bind,ro /mnt/c"
    shell = f"mkdir /mnt/c\n{tmpfs('/mnt/c', 'mode=0700')}\n/mnt/it >/dev/null\n{close}"
    done = elsewhere(small, shell, ["/mnt/it"], LMFILE_CACHE="/mnt/c")
    assert root_of(done) == "/mnt/c"
    damaged = shell.replace(close, f"echo > /mnt/c/runtimes/{small.digest}/lib/a.pyc\n{close}")
    said = sentence(elsewhere(small, damaged, ["/mnt/it"], LMFILE_CACHE="/mnt/c"), 31)
    assert "`/mnt/c` cannot be written, and `lib/a.pyc` of the runtime in it was changed or removed" in said
    home = elsewhere(small, damaged.replace("/mnt/it", "LMFILE_CACHE=/mnt/c /mnt/it"), ["/mnt/it"], HOME="/mnt/none")
    assert root_of(home) == f"/var/tmp/lmfile-{ROOT}"


def test_cache_of_another_user_is_never_shared(small: Sample, shelf: Path) -> None:
    shell = "/mnt/it >/dev/null"
    done = elsewhere(small, shell, as_user(["/mnt/it"]))
    assert root_of(done) == f"/var/tmp/lmfile-{NOBODY}"


def test_nothing_is_left_in_a_place_that_was_refused(small: Sample, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    refused(small, cache)
    assert nothing_extracted(cache)
    cache.chmod(0o700)
    assert start(small, cache=cache).status == 0
    assert intact(small, cache)
