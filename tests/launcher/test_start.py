"""A start: what the runtime gets of arguments, environment, files and signals, and where the executable may be."""

import os
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from runtime.payload import FOOTER_BYTES, Footer
from tests.launcher.sample import Sample, compiled, facts, member, pack, sample, squeeze, start, tar
from tests.namespaces import as_user, mounted, tmpfs
from tests.running import run, sentence, started


def test_first_and_second_start(small: Sample, cache: Path) -> None:
    first, second = start(small, cache=cache), start(small, cache=cache)
    assert (first.status, first.err) == (0, "")
    assert (second.status, second.err) == (0, "")


def test_arguments_pass_untouched(small: Sample, cache: Path) -> None:
    given = ["-p", "", "two words", "naïve ✓", "--", "--cache-dir", "/elsewhere", "\\\"'"]
    told = facts(start(small, *given, cache=cache), "argument")
    assert told == [str(small.directory(cache) / "bin" / "lmfile"), *given]


def test_bytes_that_are_no_text_pass_untouched(small: Sample, cache: Path) -> None:
    command = [os.fsencode(small.path), b"\xff\xfe"]
    done = subprocess.run(command, env={"LMFILE_CACHE": str(cache)}, stdout=subprocess.PIPE, timeout=60, check=True)
    assert b"argument \xff\xfe\n" in done.stdout


def test_exit_code_and_process_are_those_of_the_runtime(small: Sample, cache: Path) -> None:
    assert start(small, "--exit", "42", cache=cache).status == 42
    with started([small.path], env={"LMFILE_CACHE": str(cache)}) as running:
        done = running.wait()
        assert facts(done, "pid") == [str(running.pid)]


def test_environment(small: Sample, cache: Path) -> None:
    hostile = {
        "PYTHONPATH": "/evil",
        "PYTHONHOME": "/evil",
        "PYTHONSTARTUP": "/evil",
        "LD_PRELOAD": "/evil.so",
        "LD_LIBRARY_PATH": "/evil",
        "LD_AUDIT": "/evil.so",
        "DYLD_INSERT_LIBRARIES": "/evil.dylib",
        "LMFILE_EXECUTABLE": "/evil",
        "LMFILE_CACHE_DIR": "/evil",
        "LMFILE_CHECKED": "1 2 3 4",
    }
    kept = {"HOME": "/nowhere", "LD_BIND_NOW": "1", "NOPYTHON": "1", "LANG": "C", "EMPTY": ""}
    told = facts(start(small, cache=cache, **hostile, **kept), "variable")
    ours = {"LMFILE_EXECUTABLE": str(small.path), "LMFILE_CACHE_DIR": str(cache), "LMFILE_CACHE": str(cache)}
    assert sorted(told) == sorted(f"{name}={value}" for name, value in (kept | ours).items())


def test_only_the_marker_stays_open(small: Sample, cache: Path) -> None:
    for _cold_then_warm in range(2):
        files = dict(line.split(" ", 1) for line in facts(start(small, cache=cache), "file"))
        others = [name for number, name in files.items() if number not in ("0", "1", "2")]
        assert others == [str(small.directory(cache) / ".complete")]


def test_signals_and_mask_are_left_as_they_were(small: Sample, cache: Path) -> None:
    script = 'trap "" HUP; umask 027; exec "$@"'
    for _cold_then_warm in range(2):
        done = start(small, cache=cache, prefix=["sh", "-c", script, "sh"])
        assert facts(done, "ignored") == [str(int(signal.SIGHUP))]
        assert facts(done, "mask") == ["027"]


@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_not_taken_for_files(closed: str, large: Sample, cache: Path) -> None:
    run(["sh", "-c", f'"$@" {closed}', "sh", large.path], env={"LMFILE_CACHE": str(cache)})
    directory = large.directory(cache)
    assert {name: (directory / name).read_bytes() for name in large.files} == large.files


def test_any_mask_gives_files_that_can_be_read(small: Sample, cache: Path) -> None:
    done = run(["sh", "-c", 'umask 0777; exec "$@"', "sh", small.path], env={"LMFILE_CACHE": str(cache)})
    assert done.status == 0, done
    assert {stat.S_IMODE(path.stat().st_mode) for path in cache.rglob("*")} == {0o600, 0o700}


def test_places(small: Sample, cache: Path, tmp_path: Path) -> None:
    deep = tmp_path / "Ein Ordner, été" / "東京 №1 'quoted' $HOME" / ("d" * 250) / ("e" * 250)
    deep.mkdir(parents=True)
    copy = deep / "mein Assistent ✓"
    shutil.copy(small.path, copy)
    link = tmp_path / "link"
    link.symlink_to(copy)
    env = {"LMFILE_CACHE": str(cache)}
    for command, cwd, path in [
        ([copy], tmp_path, ""),
        ([f"./{copy.name}"], deep, ""),
        ([copy.name], tmp_path, str(deep)),
        ([link], tmp_path, ""),
    ]:
        done = run(command, env=env | {"PATH": path}, cwd=cwd)
        assert f"LMFILE_EXECUTABLE={copy}" in facts(done, "variable")


def test_a_long_cache_path(small: Sample, tmp_path: Path) -> None:
    cache = tmp_path / "/".join(["x" * 200] * 14) / "été  "
    assert len(str(cache)) > 2800
    assert f"LMFILE_CACHE_DIR={cache}" in facts(start(small, cache=cache), "variable")


def test_a_cache_path_beyond_what_the_system_takes(small: Sample, tmp_path: Path) -> None:
    cache = tmp_path / "/".join(["x" * 200] * 30)
    assert "name too long" in sentence(start(small, cache=cache), 31).lower()


def test_without_proc(small: Sample, tmp_path: Path) -> None:
    """A bare root directory: nothing in it but the executable and /tmp."""
    shell = f"{tmpfs(tmp_path, 'mode=0755')}\ncd {tmp_path}\nmkdir tmp sub && chmod 1777 tmp && cp {small.path} sub/it"
    for name in ("/sub/it", "sub/it", "./sub/../sub/it"):
        done = run(mounted(shell, ["chroot", tmp_path, name]))
        assert "LMFILE_EXECUTABLE=/sub/it" in facts(done, "variable")
        assert "LMFILE_CACHE_DIR=/tmp/lmfile-0" in facts(done, "variable")


def test_borrowed_rights_are_refused(small: Sample, cache: Path, tmp_path: Path) -> None:
    """Whoever owns the file borrows nothing; another user, whom only root can become, does."""
    shell = f"{tmpfs(tmp_path, 'mode=0755')}\ncp {small.path} {tmp_path}/it\nchmod 6755 {tmp_path}/it"
    assert run(mounted(shell, [tmp_path / "it"]), env={"LMFILE_CACHE": str(cache)}).status == 0
    if os.geteuid() == 0:
        assert "set-user-id" in sentence(run(mounted(shell, as_user([tmp_path / "it"]))), 31)


def test_a_missing_loader_is_named(stub: Path, shelf: Path, tmp_path: Path, cache: Path) -> None:
    """A system without glibc: the runtime is there and still the kernel says that it is not."""
    source = tmp_path / "dynamic.c"
    source.write_text("int main(void) { return 0; }")
    flags = ["-Wl,--dynamic-linker=/no/loader.so"]
    lmfile = sample(tmp_path / "it", stub, compiled(tmp_path, [source], "x86_64-linux-gnu.2.17", *flags))
    assert "no loader" in sentence(start(lmfile, cache=cache), 31)


def test_an_image_without_a_program(stub: Path, tmp_path: Path, cache: Path) -> None:
    lmfile = pack(tmp_path / "it", stub, squeeze(tar([member("lib/a", b"a")])), 1)
    assert "its runtime image has no program to start" in sentence(start(lmfile, cache=cache), 30)


def test_a_program_that_is_not_one(stub: Path, tmp_path: Path, cache: Path) -> None:
    lmfile = pack(tmp_path / "it", stub, squeeze(tar([member("bin/lmfile", b"text", 0o755)])), 4)
    assert "bin/lmfile" in sentence(start(lmfile, cache=cache), 31)


def test_a_file_of_6_gib_starts_like_a_small_one(small: Sample, cache: Path, tmp_path: Path) -> None:
    """Nothing of the weights is read: what lies between launcher and image is a hole here."""
    hole = 6 << 30
    content = small.path.read_bytes()
    footer = Footer.unpack(content[-FOOTER_BYTES:])
    moved = footer._replace(runtime_offset=footer.runtime_offset + hole, manifest_offset=footer.manifest_offset + hole)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.write(content[: footer.runtime_offset])
        file.seek(hole, os.SEEK_CUR)
        file.write(content[footer.runtime_offset : -FOOTER_BYTES] + moved.pack())
    large.chmod(0o755)
    for _cold_then_warm in range(2):
        assert facts(start(large, cache=cache), "argument") == [str(small.directory(cache) / "bin" / "lmfile")]
    large.unlink()
