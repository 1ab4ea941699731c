"""The gate of macOS, on real files: python.org's interpreter with its modules and libraries, and our own launchers."""

import io
import random
import shutil
import struct
import zipfile
from pathlib import Path

import pytest

from bundler import cpython_macos, fetch, launcher, macho, targets
from runtime.errors import BuildFailed

PIN = "cpython-macos-arm64"
SSL = f"bin/lib/_ssl.{cpython_macos.PLATFORM}.so"
CRYPTO = "bin/bases/lib/libcrypto.3.dylib"
BOTH = ("arm64", "x86_64")
PAGE_BYTES = 4096
SIGNATURE = 0x1D


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The interpreter, laid out for each processor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LMFILE_CACHE", raising=False)
        wheel = fetch.fetch(fetch.pins()[PIN])
    folders = {processor: tmp_path_factory.mktemp(processor) for processor in BOTH}
    for processor, folder in folders.items():
        lay_out(wheel, folder, processor)
    return folders


def lay_out(wheel: Path, folder: Path, processor: str) -> None:
    settings = targets.python(f"macos-{processor}")
    into = cpython_macos.portable(folder, settings)
    into.lib.mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(), "w") as embeddable:
        cpython_macos.lay_out(into, settings, wheel, embeddable, fetch.quiet)


@pytest.fixture
def few(trees: dict[str, Path], tmp_path: Path) -> Path:
    """A tree with the ssl module and its libraries for arm64."""
    for name in (SSL, CRYPTO, "bin/bases/lib/libssl.3.dylib"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(trees["arm64"] / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("processor", BOTH)
def test_all_of_python_passes(trees: dict[str, Path], processor: str) -> None:
    files = {
        str(file.path.relative_to(trees[processor])): file for file in macho.gate(trees[processor], "11.0", processor)
    }
    assert {"bin/python", "bin/lib/Python", SSL, CRYPTO} <= set(files)
    assert len(files) > 60
    assert all(file.is_signed for file in files.values())
    assert "Py_RunMain" in files["bin/lib/Python"].exports
    assert "@loader_path/lib/Python" in files["bin/python"].needed
    assert (trees[processor] / "bin" / "python").stat().st_mode & 0o111
    assert "Permission is hereby granted" in (trees[processor] / "LICENSES" / "freeze-core.txt").read_text()


def test_what_is_wrong_with_a_tree_is_named(few: Path) -> None:
    assert len(macho.gate(few, "11.0", "arm64")) == 3
    with pytest.raises(BuildFailed, match=r"libcrypto.*` is for arm64, not for x86_64 \(and 2 more\)"):
        macho.gate(few, "11.0", "x86_64")
    with pytest.raises(BuildFailed, match=r"an image for macOS 10\.15.* needs macOS 11\.0"):
        macho.gate(few, "10.15", "arm64")
    (few / CRYPTO).unlink()
    with pytest.raises(BuildFailed, match=r"libssl.* needs the library @loader_path/libcrypto\.3\.dylib, .*1 more"):
        macho.gate(few, "11.0", "arm64")


def test_a_library_outside_of_the_tree_is_not_in_it(few: Path) -> None:
    with pytest.raises(BuildFailed, match="neither the system's nor in the image"):
        macho.gate(few / "bin" / "lib", "11.0", "arm64")


def test_one_changed_byte_anywhere_is_seen(few: Path) -> None:
    content = (few / CRYPTO).read_bytes()
    for page in random.Random(1).sample(range(8, 800), 3):
        changed = bytearray(content)
        changed[page * PAGE_BYTES + 5] ^= 1
        (few / CRYPTO).write_bytes(changed)
        with pytest.raises(BuildFailed, match=f"libcrypto.*page {page} is not what was signed"):
            macho.gate(few, "11.0", "arm64")


def test_only_apples_processors_want_a_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMFILE_CACHE")
    program = tmp_path / "lmfile"
    shutil.copyfile(launcher.launcher("macos-x86_64"), program)
    [file] = macho.gate(tmp_path, "11.0", "x86_64")
    assert (file.is_signed, file.needed) == (False, ("/usr/lib/libSystem.B.dylib",))
    content = launcher.launcher("macos-arm64").read_bytes()
    program.write_bytes(content)
    [file] = macho.gate(tmp_path, "11.0", "arm64")
    assert (file.is_signed, file.minos) == (True, (11, 0))
    program.write_bytes(_unsigned(content))
    with pytest.raises(BuildFailed, match="lmfile` has no signature, and macOS would not run it"):
        macho.gate(tmp_path, "11.0", "arm64")


def _unsigned(content: bytes) -> bytes:
    """The same file with a command of no meaning in place of the one that names its signature."""
    changed = bytearray(content)
    position, (count,) = 32, struct.unpack_from("<I", content, 16)
    for _ in range(count):
        kind, size = struct.unpack_from("<II", content, position)
        if kind == SIGNATURE:
            struct.pack_into("<I", changed, position, 0x7F)
        position += size
    return bytes(changed)


def test_parts_of_universal_files(trees: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMFILE_CACHE")
    with zipfile.ZipFile(fetch.fetch(fetch.pins()[PIN])) as wheel:
        whole = wheel.read(cpython_macos.HOST)
    part = macho.thin(whole, "x86_64")
    assert part == (trees["x86_64"] / "bin" / "python").read_bytes() == macho.thin(part, "arm64")
    with pytest.raises(BuildFailed, match="no part for ppc"):
        macho.thin(whole, "ppc")
    with pytest.raises(BuildFailed, match="no sound table"):
        macho.thin(whole[:20], "arm64")
    (tmp_path / "lmfile").write_bytes(whole)
    with pytest.raises(BuildFailed, match="is not a sound Mach-O file for one processor"):
        macho.gate(tmp_path, "11.0", "arm64")


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "Compiled.class").write_bytes(b"\xca\xfe\xba\xbe\0\0\0\x41" + bytes(100))
    (tmp_path / "empty.dylib").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert macho.gate(tmp_path, "11.0", "arm64") == []


def test_damaged_files_are_refused_or_read(few: Path, tmp_path: Path) -> None:
    content = (few / SSL).read_bytes()
    path, refused, rng = few / "damaged.so", 0, random.Random(7)
    for _ in range(300):
        changed = bytearray(content[: rng.choice((len(content), rng.randrange(4, len(content))))])
        for _ in range(3):
            changed[rng.randrange(4, min(4000, len(changed)))] = rng.randrange(256)
        path.write_bytes(changed)
        try:
            macho.read(path)
        except BuildFailed:
            refused += 1
    assert refused > 290


def test_a_wheel_of_another_kind_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("freeze_core/__init__.py", "")
    with pytest.raises(BuildFailed, match=r"`other\.whl` has no freeze_core/bases/console-cpython-313-darwin"):
        lay_out(tmp_path / "other.whl", tmp_path / "into", "arm64")
