"""The launcher's SHA-256 against Python's: portable, with x86's instructions, and with ARM's under an emulator."""

import hashlib
import random
import subprocess
from pathlib import Path

import pytest

from tests.launcher.sample import compiled

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "build" / "launcher"
EMULATORS: dict[str, list[str]] = {"x86_64-linux-musl": [], "aarch64-linux-musl": ["qemu-aarch64-static"]}
LENGTHS = 300


@pytest.mark.parametrize("target", EMULATORS)
def test_digests(target: str, tmp_path: Path) -> None:
    parts = [HERE / "sha256_driver.c", SOURCE / "sha256.c", SOURCE / "sha256_accelerated.c"]
    program = compiled(tmp_path, parts, target, "-static", "-I", SOURCE)
    data = random.Random(4).randbytes(1_000_003)
    command = [*EMULATORS[target], program, str(LENGTHS)]
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, timeout=120, check=True)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == LENGTHS + 2
    for line in lines:
        length, portable, accelerated = line.split()
        expected = hashlib.sha256(data[: int(length)]).hexdigest()
        assert portable == expected
        assert accelerated in (expected, "-")
    if target.startswith("aarch64"):
        assert lines[-1].split()[2] != "-", "the emulator has the instructions"
    elif " sha_ni " in Path("/proc/cpuinfo").read_text():
        assert lines[-1].split()[2] != "-"
