"""The launchers of all targets: what kind of file each is, by its own headers, and that its bytes are reproducible."""

import hashlib
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bundler import launcher, store
from runtime.errors import UsageError

PROJECT = Path(__file__).resolve().parents[2]
SIZE_LIMIT = 200_000
LINUX = {"linux-x86_64": 62, "linux-aarch64": 183}
WINDOWS = {"windows-x86_64": 0x8664, "windows-aarch64": 0xAA64}
MACOS = {"macos-arm64": 0x0100000C, "macos-x86_64": 0x01000007}
BUILD_LIMIT_S = 600


@pytest.mark.parametrize("target", [*LINUX, *WINDOWS, *MACOS])
def test_small_and_without_traces_of_this_computer(target: str) -> None:
    content = launcher.launcher(target).read_bytes()
    assert len(content) < SIZE_LIMIT
    for trace in (str(Path.home()), str(PROJECT), str(store.cache_dir("launcher")), "zig-cache", "GCC: ("):
        assert trace.encode() not in content, trace


def test_unknown_target() -> None:
    with pytest.raises(UsageError, match="choose one of linux-aarch64, linux-x86_64, macos-arm64"):
        launcher.launcher("amiga-68000")


def test_only_the_sources_of_one_system() -> None:
    posix, windows = (
        {path.name for path in launcher.recipe(target).sources()} for target in ("macos-arm64", "windows-x86_64")
    )
    assert {"main.c", "fs_posix.c", "fs.h"} <= posix
    assert {"main.c", "fs_windows.c", "fs.h"} <= windows
    assert not any("windows" in name for name in posix)
    assert not any("posix" in name for name in windows)


ELSEWHERE = """
import sys
from dataclasses import replace
from bundler import launcher
recipe = launcher.recipe(sys.argv[1])
print(launcher.build(replace(recipe, flags=[*recipe.flags, "-DBUILT_ELSEWHERE"])))
"""
"""Builds a second time, although the cache has the first; the macro is in no source."""


@pytest.mark.parametrize("target", [*LINUX, *WINDOWS, *MACOS])
def test_another_directory_gives_the_same_bytes(target: str, tmp_path: Path) -> None:
    for part in ("bundler", "runtime", "build"):
        shutil.copytree(PROJECT / part, tmp_path / "else where" / part, ignore=shutil.ignore_patterns("__pycache__"))
    env = os.environ | {"CPATH": "/nowhere", "CFLAGS": "-O0", "SOURCE_DATE_EPOCH": "1"}
    command = [sys.executable, "-c", ELSEWHERE, target]
    place = tmp_path / "else where"
    done = subprocess.run(command, cwd=place, env=env, stdout=subprocess.PIPE, timeout=BUILD_LIMIT_S, check=True)
    made = Path(done.stdout.decode().strip())
    assert made != launcher.launcher(target)
    assert made.read_bytes() == launcher.launcher(target).read_bytes()


# ---- Linux: ELF ----


@pytest.mark.parametrize("target", LINUX)
def test_elf_is_static_and_hardened(target: str) -> None:
    content = launcher.launcher(target).read_bytes()
    assert content[:7] == b"\x7fELF\x02\x01\x01"
    _type, machine = struct.unpack_from("<HH", content, 16)
    assert machine == LINUX[target]
    table, entry_size, count = struct.unpack_from("<Q", content, 32)[0], *struct.unpack_from("<HH", content, 54)
    segments = [struct.unpack_from("<II", content, table + index * entry_size) for index in range(count)]
    interpreter, dynamic, stack, executable, writable = 3, 2, 0x6474E551, 1, 2
    kinds = [kind for kind, _flags in segments]
    assert interpreter not in kinds
    assert dynamic not in kinds
    assert dict(segments)[stack] & executable == 0
    assert not any(flags & executable and flags & writable for _kind, flags in segments)


# ---- Windows: PE ----


@pytest.mark.parametrize("target", WINDOWS)
def test_pe_is_a_console_program_with_address_randomisation(target: str) -> None:
    content = launcher.launcher(target).read_bytes()
    header = struct.unpack_from("<I", content, 60)[0]
    assert content[:2] + content[header : header + 4] == b"MZPE\0\0"
    machine, _sections, timestamp = struct.unpack_from("<HHI", content, header + 4)
    assert machine == WINDOWS[target]
    optional = header + 24
    assert struct.unpack_from("<H", content, optional)[0] == 0x20B  # PE32+
    console, flags = struct.unpack_from("<HH", content, optional + 68)
    assert console == 3
    dynamic_base, no_execute, high_entropy = 0x40, 0x100, 0x20
    assert flags & (dynamic_base | no_execute | high_entropy) == dynamic_base | no_execute | high_entropy
    certificates = struct.unpack_from("<II", content, optional + 112 + 4 * 8)
    assert certificates == (0, 0)
    assert timestamp in (0, struct.unpack_from("<I", content, header + 8)[0])


@pytest.mark.parametrize("target", WINDOWS)
def test_pe_needs_nothing_but_windows(target: str) -> None:
    content = launcher.launcher(target).read_bytes()
    allowed = ("kernel32.dll", "user32.dll", "shell32.dll", "msvcrt.dll", "api-ms-win-crt-")
    needed = [name.lower() for name in imported(content)]
    assert needed
    assert all(name.startswith(allowed) for name in needed), needed


def imported(content: bytes) -> list[str]:
    """The libraries in the import table of a PE file."""
    header = struct.unpack_from("<I", content, 60)[0]
    [count], [optional_size] = (struct.unpack_from("<H", content, header + at) for at in (6, 20))
    optional = header + 24
    sections = [struct.unpack_from("<8s4I", content, optional + optional_size + 40 * index) for index in range(count)]

    def at(address: int) -> int:
        for _name, size, start, raw_size, raw in sections:
            if start <= address < start + max(size, raw_size):
                return address - start + raw
        raise AssertionError(f"{address:#x} lies in no section")

    entry = at(struct.unpack_from("<I", content, optional + 112 + 8)[0])
    names = []
    while name := struct.unpack_from("<I", content, entry + 12)[0]:
        start = at(name)
        names.append(content[start : content.index(b"\0", start)].decode())
        entry += 20
    return names


# ---- macOS: Mach-O ----


@dataclass(frozen=True)
class MachO:
    """The load commands of a thin 64-bit Mach-O file, by number, and where they end."""

    cpu: int
    commands: dict[int, list[bytes]]
    commands_end: int


def mach_o(content: bytes) -> MachO:
    magic, cpu, _subtype, _type, count, size, *_ = struct.unpack_from("<8I", content)
    assert magic == 0xFEEDFACF
    commands: dict[int, list[bytes]] = {}
    offset = 32
    for _command in range(count):
        number, length = struct.unpack_from("<2I", content, offset)
        commands.setdefault(number, []).append(content[offset : offset + length])
        offset += length
    assert offset == 32 + size
    return MachO(cpu, commands, offset)


LC_SEGMENT_64, LC_LOAD_DYLIB, LC_CODE_SIGNATURE, LC_BUILD_VERSION = 0x19, 0xC, 0x1D, 0x32


@pytest.mark.parametrize("target", MACOS)
def test_mach_o_runs_on_macos_11_with_the_system_library_alone(target: str) -> None:
    content = launcher.launcher(target).read_bytes()
    file = mach_o(content)
    assert file.cpu == MACOS[target]
    [version] = file.commands[LC_BUILD_VERSION]
    platform, minimum = struct.unpack_from("<2I", version, 8)
    assert (platform, minimum) == (1, 11 << 16)
    libraries = [command[24:].rstrip(b"\0") for command in file.commands[LC_LOAD_DYLIB]]
    assert libraries == [b"/usr/lib/libSystem.B.dylib"]


@pytest.mark.parametrize("target", MACOS)
def test_mach_o_leaves_room_for_a_signature(target: str) -> None:
    """codesign adds a load command; without room it would overwrite code."""
    content = launcher.launcher(target).read_bytes()
    file = mach_o(content)
    offsets = []
    for segment in file.commands[LC_SEGMENT_64]:
        for index in range(struct.unpack_from("<I", segment, 64)[0]):
            offset = struct.unpack_from("<I", segment, 72 + 80 * index + 48)[0]
            offsets += [offset] if offset else []
    assert min(offsets) - file.commands_end >= 1024


def test_mach_o_signature_of_apple_silicon() -> None:
    """Every page hash is right: macOS kills a program for a single wrong one. What is appended later is not covered."""
    content = launcher.launcher("macos-arm64").read_bytes()
    [command] = mach_o(content).commands[LC_CODE_SIGNATURE]
    offset, size = struct.unpack_from("<2I", command, 8)
    assert offset + size == len(content)
    blob = content[offset : offset + size]
    magic, _length, count = struct.unpack_from(">3I", blob)
    assert magic == 0xFADE0CC0
    slots = [struct.unpack_from(">2I", blob, 12 + 8 * index) for index in range(count)]
    directory = dict(slots)[0]
    fields = struct.unpack_from(">9I", blob, directory)
    magic, _length, _version, flags, hashes, _identifier, _special, pages, limit = fields
    hash_size, hash_type, _platform, page_log = struct.unpack_from(">4B", blob, directory + 36)
    ad_hoc, sha256 = 0x2, 2
    assert magic == 0xFADE0C02
    assert flags & ad_hoc
    assert (hash_size, hash_type, limit) == (32, sha256, offset)
    page = 1 << page_log
    assert pages == -(-limit // page)
    for index in range(pages):
        start = directory + hashes + index * hash_size
        expected = hashlib.sha256(content[index * page : min((index + 1) * page, limit)]).digest()
        assert blob[start : start + hash_size] == expected, index
