"""A damaged executable: one sentence, exit code 30, and nothing extracted."""

import random
import struct
import zlib
from pathlib import Path

import pytest

from runtime.payload import Footer
from tests.launcher.sample import Sample, nothing_extracted, start
from tests.namespaces import as_user, mounted, tmpfs
from tests.running import run, sentence

FOOTER = 128
NO_FOOTER = "it does not end in an lmfile footer, so it was cut short or something was appended"


def refused(content: bytes, tmp_path: Path) -> str:
    """Why an executable of these bytes is refused."""
    path, cache = tmp_path / "damaged", tmp_path / "cache"
    path.write_bytes(content)
    path.chmod(0o755)
    said = sentence(start(path, cache=cache), 30)
    path.unlink()
    assert nothing_extracted(cache)
    assert said.startswith(f"Reading `{path}`: ")
    assert said.endswith("; download the file again.")
    return said.removeprefix(f"Reading `{path}`: ").removesuffix("; download the file again.")


def with_footer(content: bytes, **fields: int | bytes) -> bytes:
    """The same with other fields in a footer whose checksum is right."""
    footer = Footer.unpack(content[-FOOTER:])._replace(**fields)
    return content[:-FOOTER] + footer.pack()


@pytest.mark.parametrize("keep", [0.4, 0.7, 0.99])
def test_cut_short(keep: float, small: Sample, stub: Path, tmp_path: Path) -> None:
    content = small.path.read_bytes()
    launcher = stub.stat().st_size
    assert refused(content[: launcher + int((len(content) - launcher) * keep)], tmp_path) == NO_FOOTER


@pytest.mark.parametrize("cut", [*range(1, 18), 127, 128, 129, 300])
def test_cut_short_by_a_little(cut: int, small: Sample, tmp_path: Path) -> None:
    assert refused(small.path.read_bytes()[:-cut], tmp_path) == NO_FOOTER


def test_the_launcher_alone(stub: Path, tmp_path: Path) -> None:
    assert refused(stub.read_bytes(), tmp_path) == NO_FOOTER


@pytest.mark.parametrize("tail", [b"\0", b"\n", b"x" * 127, b"x" * 128, b"x" * 70_000])
def test_appended_to(tail: bytes, small: Sample, tmp_path: Path) -> None:
    assert refused(small.path.read_bytes() + tail, tmp_path) == NO_FOOTER


def test_every_byte_of_the_footer(small: Sample, tmp_path: Path) -> None:
    content = bytearray(small.path.read_bytes())
    for offset in range(len(content) - FOOTER, len(content)):
        content[offset] ^= 1 << offset % 8
        said = refused(content, tmp_path)
        content[offset] ^= 1 << offset % 8
        in_magic = offset >= len(content) - 16
        assert said == (NO_FOOTER if in_magic else "the checksum of its footer is wrong"), offset


def test_bits_of_the_runtime_image(large: Sample, tmp_path: Path) -> None:
    """At 24 places, first and last byte among them, each alone."""
    content = bytearray(large.path.read_bytes())
    footer = Footer.unpack(content[-FOOTER:])
    last = footer.runtime_offset + footer.runtime_size - 1
    dice = random.Random(2)
    for offset in [footer.runtime_offset, last, *(dice.randint(footer.runtime_offset, last) for _ in range(22))]:
        bit = 1 << dice.randrange(8)
        content[offset] ^= bit
        assert refused(content, tmp_path) == "the checksum of its runtime image is wrong"
        content[offset] ^= bit


@pytest.mark.parametrize(
    "fields",
    [
        {"runtime_offset": 1 << 63},
        {"runtime_offset": (1 << 64) - 1, "runtime_size": 2},
        {"runtime_size": (1 << 64) - 1},
        {"runtime_size": 0},
        {"runtime_size": 1 << 32},
        {"runtime_unpacked": 0},
        {"manifest_offset": 1 << 62},
        {"manifest_offset": 0},
        {"manifest_size": 1 << 40},
        {"manifest_size": 0},
    ],
    ids=str,
)
def test_parts_outside_the_file(fields: dict[str, int], small: Sample, tmp_path: Path) -> None:
    content = with_footer(small.path.read_bytes(), **fields)
    assert refused(content, tmp_path) == "its footer names parts outside of it"


def test_another_version(small: Sample, tmp_path: Path) -> None:
    content = bytearray(small.path.read_bytes())
    content[-24:-20] = struct.pack("<I", 2)
    content[-20:-16] = struct.pack("<I", zlib.crc32(content[-FOOTER:-20]))
    assert refused(content, tmp_path) == "its format is of another version than its launcher"


def test_another_size_than_announced(small: Sample, tmp_path: Path) -> None:
    content = small.path.read_bytes()
    size = Footer.unpack(content[-FOOTER:]).runtime_unpacked
    assert (
        refused(with_footer(content, runtime_unpacked=size - 1), tmp_path) == "it unpacks to more than its footer says"
    )
    assert (
        refused(with_footer(content, runtime_unpacked=size + 1), tmp_path) == "it unpacks to less than its footer says"
    )


def test_an_unreadable_file(small: Sample, tmp_path: Path) -> None:
    """One that may be run but not read: the launcher cannot see what it carries."""
    shell = f"{tmpfs(tmp_path, 'mode=0755')}\ncp {small.path} {tmp_path}/it\nchmod 0111 {tmp_path}/it"
    done = run(mounted(shell, as_user([tmp_path / "it"])))
    assert f"Opening `{tmp_path}/it`: Permission denied; " in sentence(done, 30)
