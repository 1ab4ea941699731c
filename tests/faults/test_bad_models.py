"""A model that is none, not whole, or not for this engine: `-m` and `lmfile build` refuse it in one sentence."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import BUILDER, PROJECT
from tests.gguf_writer import STRING, TINY, gguf
from tests.namespaces import as_user
from tests.questions import CALM, TINY_MODEL
from tests.running import run, sentence

NOT_FOUND, INVALID, UNSUPPORTED = 20, 21, 22


def absent(_: Path) -> None:
    """No file at all."""


def a_directory(path: Path) -> None:
    path.mkdir()


def text(path: Path) -> None:
    path.write_text("Call me Ishmael.\n" * 1000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def the_magic_alone(path: Path) -> None:
    path.write_bytes(b"GGUF")


def truncated_in_the_header(path: Path) -> None:
    path.write_bytes(TINY_MODEL.read_bytes()[:2000])


def truncated_in_the_weights(path: Path) -> None:
    path.write_bytes(TINY_MODEL.read_bytes()[:-50_000])


def too_many_tensors(path: Path) -> None:
    path.write_bytes(patched(8, 2**60))


def too_many_values(path: Path) -> None:
    path.write_bytes(patched(16, 2**60))


def a_key_longer_than_the_file(path: Path) -> None:
    path.write_bytes(patched(24, 2**40))


def an_unknown_version(path: Path) -> None:
    path.write_bytes(patched(4, 77, 4))


def tensors_that_overlap(path: Path) -> None:
    path.write_bytes(gguf(offsets=[0, 0, 0]))


def tensors_outside_of_the_file(path: Path) -> None:
    path.write_bytes(gguf(offsets=[0, 1 << 40, 1 << 50]))


def an_unknown_architecture(path: Path) -> None:
    path.write_bytes(gguf({**TINY, "general.architecture": (STRING, "nonesuch")}))


def patched(offset: int, value: int, width: int = 8) -> bytes:
    data = bytearray(TINY_MODEL.read_bytes())
    data[offset : offset + width] = value.to_bytes(width, "little")
    return bytes(data)


CASES: dict[Callable[[Path], None], int] = {
    absent: NOT_FOUND,
    a_directory: NOT_FOUND,
    text: INVALID,
    empty: INVALID,
    the_magic_alone: INVALID,
    truncated_in_the_header: INVALID,
    truncated_in_the_weights: INVALID,
    too_many_tensors: INVALID,
    too_many_values: INVALID,
    a_key_longer_than_the_file: INVALID,
    an_unknown_version: INVALID,
    tensors_that_overlap: INVALID,
    tensors_outside_of_the_file: INVALID,
    an_unknown_architecture: UNSUPPORTED,
}
each = pytest.mark.parametrize(("make", "status"), CASES.items(), ids=[make.__name__ for make in CASES])


@each
def test_named_with_m(
    make: Callable[[Path], None], status: int, tiny: Path, env: dict[str, str], tmp_path: Path
) -> None:
    model = tmp_path / "a model.gguf"
    make(model)
    said = sentence(run([tiny, *CALM, "-m", model, "-p", "Hello"], env=env), status)
    assert f"`{model}`" in said
    if status == INVALID:
        assert "(at byte " in said


@each
def test_given_to_build(make: Callable[[Path], None], status: int, tmp_path: Path) -> None:
    model, folder = tmp_path / "a model.gguf", tmp_path / "out"
    make(model)
    folder.mkdir()
    command = [sys.executable, "-m", "bundler", "build", model, "-o", folder / "program"]
    said = sentence(run(command, env=BUILDER, cwd=PROJECT), status)
    assert f"`{model}`" in said
    assert list(folder.iterdir()) == [], "something was left behind"


def test_the_server_refuses_it_before_it_listens(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    text(tmp_path / "model")
    done = run([tiny, "--server", "--port", "0", "-m", tmp_path / "model"], env=env)
    sentence(done, INVALID)
    assert "listening" not in done.err


def test_a_model_that_may_not_be_read(tiny: Path, shelf: Path) -> None:
    model = shelf / "locked.gguf"
    model.write_bytes(TINY_MODEL.read_bytes())
    model.chmod(0o000)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as cache:
        Path(cache).chmod(0o1777)
        command = as_user([tiny, "--cache-dir", f"{cache}/own", *CALM, "-m", model, "-p", "Hello"])
        assert str(model) in sentence(run(command), NOT_FOUND)


@pytest.mark.parametrize("name", ["smollm", "smolm2", "qwen"])
def test_a_known_name_misspelled(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bundler", "build", name, "-o", tmp_path / "program"]
    assert "smollm2" in sentence(run(command, env=BUILDER, cwd=PROJECT), NOT_FOUND)
