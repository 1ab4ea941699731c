"""The packer: a valid zip whatever its size, the same bytes every time, all of it or nothing."""

import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import zipfile
import zipimport
from pathlib import Path

import pytest

from bundler import analysis, container, copying, cpython, fetch, tail
from bundler.container import Part
from bundler.content import Slice
from bundler.digests import Digests
from runtime.errors import BuildFailed, CannotWrite, DiskFull
from runtime.payload import Payload
from runtime.payload.records import END_MAGIC
from tests.gguf_writer import synthetic_gguf
from tests.packing import APP, contents, pack

GIB = 1 << 30
LARGE_BYTES = 17 * GIB // 4
LARGE = Digests("687bfd0ec84a1c2cce05e946de2bc9ded30da3c73ae77bda7181f305527baa05", 2911294197)
"""Of what `sparse` makes of that size: hashing it takes seconds, and `verify` does it anyway."""


def sparse(path: Path, size: int) -> Path:
    """A file of `size` bytes that takes no room: zeros, and a mark at either end."""
    with path.open("wb") as file:
        file.write(b"GGUF")
        file.seek(size - 4)
        file.write(b"last")
    return path


def test_the_model_of_every_start_stands_before_other_models(tmp_path: Path, output: Path) -> None:
    pack(tmp_path, output, extra=[Part("models/0.gguf", "model", b"other"), Part("notes", "other", b"more")])
    with zipfile.ZipFile(output) as archive:
        names = [name for name in archive.namelist() if not name.startswith("app/")]
    last = ["runtime.tar.zst", "manifest.json"]
    assert names == ["LICENSES/model.txt", "models/tiny model.gguf", "models/0.gguf", "notes", *last]


def test_zip_tools_read_it(tmp_path: Path, output: Path) -> None:
    pack(tmp_path, output)
    with zipfile.ZipFile(output) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == [*sorted(names[:-1]), "manifest.json"]
        assert {name: archive.read(name) for name in APP} == APP
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        assert all(entry.external_attr >> 16 == 0o100644 for entry in archive.infolist())
        model = archive.getinfo("models/tiny model.gguf")
    assert (model.header_offset + len(model.FileHeader())) % 65536 == 0
    listed = subprocess.run(["unzip", "-l", output], capture_output=True, check=True, timeout=60).stdout.decode()
    assert all(name in listed for name in (*APP, "models/tiny model.gguf", "runtime.tar.zst", "manifest.json"))
    subprocess.run(["unzip", "-tq", output], check=True, capture_output=True, timeout=60)


def test_two_builds_are_identical(tmp_path: Path, output: Path) -> None:
    one, other = contents(tmp_path), contents(tmp_path)
    other = container.Contents(**{**vars(other), "parts": list(reversed(other.parts))})
    container.write(output, one, fetch.quiet)
    container.write(output.with_name("again"), other, fetch.quiet)
    assert output.read_bytes() == output.with_name("again").read_bytes()
    assert output.stat().st_mode & 0o777 == 0o755


def test_source_date_epoch_is_the_time_of_the_build(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000001")
    assert container.created() == 1_700_000_001
    container.write(output, container.Contents(**{**vars(contents(tmp_path)), "created": 1_700_000_001}), fetch.quiet)
    assert Payload.open(output).manifest.created == 1_700_000_001
    with zipfile.ZipFile(output) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An executable over 4 GiB: a model's size and the offsets behind it need ZIP64. Sparse, so it costs no disk."""
    folder = tmp_path_factory.mktemp("large")
    late = Part("models/z.gguf", "model", b"GGUF and so on")
    app = {"app/deep/__init__.py": b"", "app/deep/thought.py": b"ANSWER = 42\n"}
    model = Slice(sparse(folder / "large.gguf", LARGE_BYTES), 0, LARGE_BYTES, LARGE)
    return pack(folder, folder / "out" / "tiny", model=model, app=app, extra=[late])


def test_zip_tools_read_over_4_gib(large: Path) -> None:
    with zipfile.ZipFile(large) as archive:
        assert archive.getinfo("models/tiny model.gguf").file_size == LARGE_BYTES
        assert archive.read("models/z.gguf") == b"GGUF and so on"
        assert archive.read("app/deep/thought.py") == b"ANSWER = 42\n"
    listed = subprocess.run(["unzip", "-l", large], capture_output=True, check=True, timeout=60).stdout.decode()
    assert f"{LARGE_BYTES}" in listed


def test_over_4_gib_open_at_once_and_verify(large: Path) -> None:
    began = time.process_time()
    payload = Payload.open(large)
    assert time.process_time() - began < 0.05
    member = payload.member("models/tiny model.gguf")
    assert member is not None
    assert member.offset % 65536 == 0
    with large.open("rb") as file:
        file.seek(member.offset + member.size - 4)
        assert file.read(4) == b"last"
    assert payload.verify(fetch.quiet) == []


def test_holes_stay_holes(large: Path) -> None:
    assert large.stat().st_blocks * 512 < GIB


def test_the_image_s_python_imports_out_of_over_4_gib(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The zipimport that counts is the one of the portable CPython; older ones do not know ZIP64.

    For ZIP64 it imports `struct`, which must not be looked for in the archive that is being opened.
    """
    monkeypatch.delenv("LMFILE_CACHE")
    python = cpython.portable(analysis.builder_target()).executable
    code = "import struct, sys; sys.path.insert(0, sys.argv[1]); from deep import thought; print(thought.ANSWER)"
    found = subprocess.run([python, "-c", code, large / "app"], capture_output=True, check=True, timeout=60)
    assert found.stdout.strip() == b"42"


def test_modules_are_imported_out_of_a_small_file(tmp_path: Path, output: Path) -> None:
    source = b"ANSWER = 42\n"
    pack(tmp_path, output, app={"app/deep/__init__.py": b"", "app/deep/thought.py": source})
    code = zipimport.zipimporter(f"{output}/app/deep").get_code("thought")
    assert "ANSWER" in code.co_names


def test_names_of_any_letters(tmp_path: Path) -> None:
    output = tmp_path / "ein Ordner" / "Über größe 日本.exe"
    pack(tmp_path, output)
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    assert Payload.open(output).member("app/runtime/ünï côdé.pyc") is not None


def test_the_end_record_s_magic_never_stands_in_the_footer(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forced here by a footer whose first three hashes hold it; zip tools would look there."""
    real = tail.Footer.pack
    tries: list[bytes] = []

    def pack_footer(footer: tail.Footer) -> bytes:
        tries.append(footer.tail_sha256)
        if len(tries) < 4:
            footer = footer._replace(tail_sha256=END_MAGIC + footer.tail_sha256[4:])
        return real(footer)

    monkeypatch.setattr(tail.Footer, "pack", pack_footer)
    pack(tmp_path, output)
    assert len(set(tries)) == 4
    assert output.read_bytes()[-128:].count(END_MAGIC) == 0
    with zipfile.ZipFile(output) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize("path", ["../x", "/x", "a\\b", "runtime.tar.zst"])
def test_unsafe_or_double_names_are_refused_before_anything_is_written(tmp_path: Path, output: Path, path: str) -> None:
    with pytest.raises(BuildFailed):
        pack(tmp_path, output, extra=[Part(path, "license", b"")])
    assert list(output.parent.iterdir()) == []


def test_an_input_that_changes_while_it_is_copied(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = synthetic_gguf(tmp_path / "model.gguf", 1 << 20)
    real = copying.append

    def copy_then_change(source: Path, *rest: object) -> object:
        found = real(source, *rest)  # type: ignore[arg-type]
        if source == model:
            model.write_bytes(b"other")
        return found

    monkeypatch.setattr(copying, "append", copy_then_change)
    with pytest.raises(BuildFailed, match="changed while it was copied"):
        pack(tmp_path, output, model=model)
    assert list(output.parent.iterdir()) == []


def test_an_input_that_shrinks_while_it_is_copied(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = synthetic_gguf(tmp_path / "model.gguf", 1 << 20)
    real = copying.append

    def shrink_then_copy(source: Path, *rest: object) -> object:
        if source == model:
            os.truncate(model, 1000)
        return real(source, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "append", shrink_then_copy)
    with pytest.raises(BuildFailed, match="changed while it was copied"):
        pack(tmp_path, output, model=model)
    assert list(output.parent.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path, output: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotWrite, match="file"):
        pack(tmp_path, tmp_path / "file" / "tiny")
    assert (tmp_path / "file").read_bytes() == b""


@pytest.fixture
def small_disk(tmp_path: Path) -> "object":
    """A file system of 8 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=False, timeout=60).returncode:
        pytest.fail("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", disk], check=True, timeout=60)


def test_a_disk_that_is_too_small(tmp_path: Path, small_disk: Path) -> None:
    model = synthetic_gguf(tmp_path / "model.gguf", 16 << 20)
    with pytest.raises(DiskFull, match="MB are needed"):
        pack(tmp_path, small_disk / "tiny", model=model)
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up_meanwhile(tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = synthetic_gguf(tmp_path / "model.gguf", 16 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(GIB, 0, GIB))
    with pytest.raises(DiskFull, match="the disk is full"):
        pack(tmp_path, small_disk / "tiny", model=model)
    assert list(small_disk.iterdir()) == []


SLOW = """
import sys, time
from pathlib import Path
from bundler import cli, console, copying
from tests.packing import pack
real = copying.append
def slow(source, offset, size, target, running, advance):
    print("copying", flush=True)
    time.sleep(30 if source.name == "model.gguf" else 0)
    return real(source, offset, size, target, running, advance)
copying.append = slow
def run(arguments, _console):
    pack(Path(arguments[0]), Path(arguments[1]), model=Path(arguments[0]) / "model.gguf")
cli._run = run
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing(tmp_path: Path, output: Path, signal_number: int, code: int) -> None:
    synthetic_gguf(tmp_path / "model.gguf", 4 << 20)
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, tmp_path, output], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"copying\n"
        assert [path.suffix for path in output.parent.iterdir()] == [".partial"]
        process.send_signal(signal_number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"Traceback" not in errors
    assert list(output.parent.iterdir()) == []


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Packing 400 MB takes no more than 20 MB more than packing 4 MB."""
    peaks = []
    for size in (4 << 20, 400 << 20):
        synthetic_gguf(tmp_path / "model.gguf", size)
        code = (
            "import resource, sys; from pathlib import Path; from tests.packing import pack\n"
            "folder = Path(sys.argv[1]); pack(folder, folder / 'out', model=folder / 'model.gguf')\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        found = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, check=True, timeout=120)
        peaks.append(int(found.stdout) / 1024)
    assert peaks[1] - peaks[0] < 20


def test_records_are_those_of_a_zip(tmp_path: Path, output: Path) -> None:
    """The end record, read by hand: one disk, all members, a directory that ends where it begins."""
    data = pack(tmp_path, output).read_bytes()
    end = len(data) - 128 - 22
    magic, *fields = struct.unpack("<4s4H2IH", data[end : end + 22])
    assert magic == END_MAGIC
    assert fields == [0, 0, 7, 7, end - fields[5], fields[5], 128]
