"""The launcher for ARM under an emulator. What it starts is a shell script, which this computer's kernel runs."""

from pathlib import Path

import pytest

from bundler.launcher import launcher
from tests.launcher.sample import Sample, intact, nothing_extracted, sample, start
from tests.running import sentence

EMULATOR = ["qemu-aarch64-static"]
SCRIPT = '#!/bin/sh\necho "$@"\necho "$LMFILE_EXECUTABLE"\nexit 7\n'


@pytest.fixture(scope="module")
def lmfile(shelf: Path) -> Sample:
    program = shelf / "script"
    program.write_text(SCRIPT)
    files = {f"lib/{n}.pyc": bytes([n]) * 5000 for n in range(100)}
    return sample(shelf / "arm", launcher("linux-aarch64"), program, files)


def test_first_and_second_start(lmfile: Sample, cache: Path) -> None:
    for _cold_then_warm in range(2):
        done = start(lmfile, "two words", "ß", cache=cache, prefix=EMULATOR)
        assert (done.status, done.out, done.err) == (7, f"two words ß\n{lmfile.path}\n", "")
        assert intact(lmfile, cache)


def test_damage(lmfile: Sample, cache: Path, tmp_path: Path) -> None:
    content = bytearray(lmfile.path.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd") + 40] ^= 1
    damaged = tmp_path / "damaged"
    damaged.write_bytes(content)
    damaged.chmod(0o755)
    assert "the checksum of its runtime image is wrong" in sentence(start(damaged, cache=cache, prefix=EMULATOR), 30)
    assert nothing_extracted(cache)


def test_cache_directory(lmfile: Sample, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    assert "can be written by other users" in sentence(start(lmfile, cache=cache, prefix=EMULATOR), 31)
