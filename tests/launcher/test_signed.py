"""Windows executables with an Authenticode signature behind the footer."""

import random
import struct
from pathlib import Path

import pytest

from bundler.launcher import launcher
from runtime.payload import FOOTER_BYTES, Footer
from tests.launcher.sample import Sample, compiled, sample
from tests.running import Done, run, sentence

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "build" / "launcher"
CERTIFICATES = b"\x30\x82" * 500
AT_HEADER, AT_CERTIFICATES = 60, 24 + 112 + 4 * 8


@pytest.fixture(scope="module")
def driver(shelf: Path) -> Path:
    """The launcher's search for the footer as a program that takes the file's name."""
    parts = [HERE / "footer_driver.c", *(SOURCE / name for name in ("footer.c", "fs_posix.c", "say.c", "text.c"))]
    return compiled(shelf, parts, "x86_64-linux-musl", "-static", "-D_GNU_SOURCE", "-fsanitize=undefined", "-I", SOURCE)


@pytest.fixture(scope="module")
def windows(shelf: Path, probe: Path) -> Sample:
    return sample(shelf / "windows.exe", launcher("windows-x86_64"), probe)


def signed(content: bytes, padding: int, offset: int | None = None, size: int = len(CERTIFICATES)) -> bytes:
    """The file with certificates at its end, and a header that says so, or says something else."""
    whole = bytearray(content + bytes(padding) + CERTIFICATES)
    header = struct.unpack_from("<I", whole, AT_HEADER)[0]
    place = len(content) + padding if offset is None else offset
    struct.pack_into("<II", whole, header + AT_CERTIFICATES, place, size)
    return bytes(whole)


def opened(driver: Path, content: bytes, tmp_path: Path) -> Done:
    path = tmp_path / "signed.exe"
    path.write_bytes(content)
    return run([driver, path])


@pytest.mark.parametrize("padding", range(8))
def test_footer_before_the_certificates(padding: int, windows: Sample, driver: Path, tmp_path: Path) -> None:
    content = windows.path.read_bytes()
    offset = Footer.unpack(content[-FOOTER_BYTES:]).runtime_offset
    assert opened(driver, content, tmp_path).out == f"{offset} {windows.digest}\n"
    assert opened(driver, signed(content, padding), tmp_path).out == f"{offset} {windows.digest}\n"


def test_too_much_padding(windows: Sample, driver: Path, tmp_path: Path) -> None:
    assert "does not end in" in sentence(opened(driver, signed(windows.path.read_bytes(), 8), tmp_path), 30)


@pytest.mark.parametrize("place", [(0, 8), (1, 8), (127, 8), (1 << 31, 8), ((1 << 32) - 1, (1 << 32) - 1), (500, 0)])
def test_headers_that_point_nowhere(place: tuple[int, int], windows: Sample, driver: Path, tmp_path: Path) -> None:
    content = signed(windows.path.read_bytes(), 0, *place)
    assert "does not end in" in sentence(opened(driver, content, tmp_path), 30)


def test_beginnings_of_noise(windows: Sample, driver: Path, tmp_path: Path) -> None:
    """Without a footer at the end the header is read, whatever it holds."""
    dice = random.Random(5)
    for length in (0, 1, 63, 64, 65, 127, 128, 240, 1000):
        for _file in range(5):
            content = b"MZ" + dice.randbytes(58) + struct.pack("<I", dice.randrange(300)) + dice.randbytes(1000)
            assert opened(driver, content[:length], tmp_path).status == 30
