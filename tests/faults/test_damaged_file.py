"""An executable that was truncated, changed or appended to: exit code 30 and one sentence, or it verifies as damaged.

A start checks what it runs: footer, runtime (when it is extracted), manifest, directory and our own code. The
weights, gigabytes, are checked by --verify. A launcher that was changed may do anything; `lmfile verify` finds it.
"""

import shutil
import sys
from pathlib import Path

import pytest

from runtime.payload import FOOTER_BYTES, Payload
from tests.caches import leftovers, runtimes
from tests.conftest import BUILDER, PROJECT
from tests.questions import SEE, SEEN
from tests.running import Done, run, sentence

DAMAGED = 30
STARTED = ["--server", "--port", "0"]
"""No test here gets so far; a start that does would be seen by its time limit."""


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    """An executable to be damaged."""
    return Path(shutil.copy(tiny, tmp_path / "a copy"))


def flip(path: Path, offset: int, bit: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        [byte] = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def refused(copy: Path, env: dict[str, str]) -> None:
    said = sentence(run([copy, *SEE], env=env, timeout_s=20), DAMAGED)
    assert said.startswith(f"Reading `{copy}`: ")
    assert said.endswith("; download the file again.")


def lmfile_verify(path: Path) -> Done:
    return run([sys.executable, "-m", "bundler", "verify", path], env=BUILDER, cwd=PROJECT)


def place(path: Path, part: str) -> int:
    """An offset in the middle of a part."""
    payload = Payload.open(path)
    members = {member.role: member for member in payload.manifest.members}
    footer = payload.footer
    directory = footer.manifest_offset + footer.manifest_size
    return {
        "first of our modules": payload.manifest.app.offset + payload.manifest.app.size // 2,
        "local header of our code": payload.manifest.app.offset + 5,
        "manifest": footer.manifest_offset + footer.manifest_size // 2,
        "directory": (directory + payload.size_bytes - FOOTER_BYTES) // 2,
        "end record": payload.size_bytes - FOOTER_BYTES - 10,
        "runtime": members["runtime"].offset + members["runtime"].size // 2,
        "weights": members["model"].offset + members["model"].size // 2,
        "header of the GGUF": members["model"].offset + 100,
        "licence": members["license"].offset + 10,
        "padding": members["model"].offset - 1000,
        "launcher": payload.manifest.launcher.size // 2,
    }[part]


CHECKED_AT_START = ["first of our modules", "local header of our code", "manifest", "directory", "end record"]
CHECKED_BY_VERIFY = ["runtime", "weights", "header of the GGUF", "licence"]


def test_truncated_at_any_length(copy: Path, env: dict[str, str]) -> None:
    launcher = Payload.open(copy).manifest.launcher.size
    size = copy.stat().st_size
    step = (size - launcher) // 24
    lengths = [size - cut for cut in (1, 2, 22, 64, 127, 128, 129, 150, 4096, 65536)]
    for length in sorted([*lengths, *range(launcher, size - 65536, step)], reverse=True):
        with copy.open("r+b") as file:
            file.truncate(length)
        refused(copy, env)
        assert lmfile_verify(copy).status == DAMAGED if length in lengths[:3] else True


@pytest.mark.parametrize("tail", [b"\n", b"\0" * 128, b"x" * 1_000_000], ids=["newline", "zeros", "megabyte"])
def test_appended_to(tail: bytes, copy: Path, env: dict[str, str]) -> None:
    with copy.open("ab") as file:
        file.write(tail)
    refused(copy, env)


def test_appended_to_with_a_true_footer(copy: Path, env: dict[str, str]) -> None:
    """The launcher finds the footer; what the footer covers is no longer what lies in front of it."""
    footer = copy.read_bytes()[-FOOTER_BYTES:]
    with copy.open("ab") as file:
        file.write(footer)
    refused(copy, env)


def test_every_field_of_the_footer(tiny: Path, copy: Path, env: dict[str, str]) -> None:
    begin = tiny.stat().st_size - FOOTER_BYTES
    for offset in (0, 7, 8, 16, 24, 55, 56, 64, 72, 103, 104, 108, 111, 112, 127):
        flip(copy, begin + offset, bit=offset % 8)
        refused(copy, env)
        flip(copy, begin + offset, bit=offset % 8)
    assert run([copy, *SEE], env=env).out == SEEN


@pytest.mark.parametrize("part", CHECKED_AT_START)
def test_a_flipped_bit_is_found_at_the_start(part: str, copy: Path, env: dict[str, str]) -> None:
    flip(copy, place(copy, part))
    refused(copy, env)
    assert lmfile_verify(copy).status == DAMAGED


@pytest.mark.parametrize("part", CHECKED_BY_VERIFY)
def test_a_flipped_bit_is_found_by_verify(part: str, copy: Path, env: dict[str, str]) -> None:
    flip(copy, place(copy, part))
    own = run([copy, "--verify"], env=env)
    assert own.status == DAMAGED
    assert own.out == ""
    assert f"Checking `{copy}`: " in own.err
    assert lmfile_verify(copy).status == DAMAGED


@pytest.mark.parametrize("part", ["launcher", "padding"])
def test_a_flipped_bit_that_only_the_builder_s_verify_can_find(part: str, copy: Path) -> None:
    flip(copy, place(copy, part))
    assert lmfile_verify(copy).status == DAMAGED


def test_a_damaged_runtime_is_never_extracted(copy: Path, tmp_path: Path) -> None:
    flip(copy, place(copy, "runtime"))
    cold = tmp_path / "cold"
    refused(copy, {"LMFILE_CACHE": str(cold)})
    assert runtimes(cold) == []
    assert leftovers(cold) == []


def test_a_hole_where_a_download_left_one(copy: Path, tmp_path: Path) -> None:
    offset = place(copy, "runtime")
    with copy.open("r+b") as file:
        file.seek(offset)
        file.write(bytes(1_000_000))
    refused(copy, {"LMFILE_CACHE": str(tmp_path / "cold")})


@pytest.mark.parametrize("byte", [0, 4, 8, 20, 40, 100])
def test_false_weights_are_refused_or_answer(byte: int, copy: Path, env: dict[str, str]) -> None:
    """What a bit of the GGUF's header does cannot be foreseen; it ends, and with one sentence if it fails."""
    [model] = Payload.open(copy).by_role("model")
    flip(copy, model.offset + byte, bit=2)
    done = run([copy, "-n", "8", *SEE], env=env)
    if done.status:
        assert "download the file again" in sentence(done, DAMAGED)
