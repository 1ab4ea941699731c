"""The executable as a file: what zip tools, `lmfile inspect`, `verify` and `extract` and its own flags say about it."""

import hashlib
import json
import os
import sys
import zipfile
from pathlib import Path

import pytest

from bundler.models import KNOWN
from tests.conftest import BUILDER, PROJECT
from tests.models import smollm2_gguf
from tests.running import Done, run, sentence

MODEL = "models/SmolLM2-135M-Instruct.Q4_1.gguf"
MAX_OVERHEAD_BYTES = 25_000_000


def lmfile(*arguments: str | Path) -> Done:
    """Run the command `lmfile`."""
    return run([sys.executable, "-m", "bundler", *arguments], env=BUILDER, cwd=PROJECT)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_it_is_weights_and_at_most_25_mb(executable: Path) -> None:
    overhead = executable.stat().st_size - smollm2_gguf().stat().st_size
    assert 0 < overhead <= MAX_OVERHEAD_BYTES


def test_unzip_lists_and_tests_it(executable: Path) -> None:
    listed = run(["unzip", "-l", executable], env={"PATH": os.defpath})
    assert listed.status == 0
    assert MODEL in listed.out
    assert "manifest.json" in listed.out
    tested = run(["unzip", "-tqq", executable], env={"PATH": os.defpath})
    assert (tested.status, tested.out, tested.err) == (0, "", "")


def test_python_s_zipfile_reads_it(executable: Path) -> None:
    with zipfile.ZipFile(executable) as archive:
        assert archive.testzip() is None
        infos = {info.filename: info for info in archive.infolist()}
        assert all(info.compress_type == zipfile.ZIP_STORED for info in infos.values())
        assert infos[MODEL].file_size == smollm2_gguf().stat().st_size
        manifest = json.loads(archive.read("manifest.json"))
    assert {member["path"] for member in manifest["members"]} == set(infos) - {"manifest.json"}


def test_inspect_tells_what_is_inside(executable: Path) -> None:
    page = lmfile("inspect", executable)
    assert page.status == 0
    assert MODEL in page.out
    told = json.loads(lmfile("inspect", "--json", executable).out)
    [member] = [member for member in told["members"] if member["path"] == MODEL]
    assert member["offset"] % 65536 == 0
    assert (member["sha256"], member["size"]) == (KNOWN["smollm2"].sha256, KNOWN["smollm2"].size_bytes)
    assert told["size"] == executable.stat().st_size
    assert told["models"][0]["architecture"] == "llama"


def test_the_weights_lie_where_inspect_says(executable: Path) -> None:
    told = json.loads(lmfile("inspect", "--json", executable).out)
    for member in told["members"]:
        with executable.open("rb") as file:
            file.seek(member["offset"])
            assert hashlib.sha256(file.read(member["size"])).hexdigest() == member["sha256"], member["path"]


def test_verify_reads_every_byte(executable: Path) -> None:
    done = lmfile("verify", executable)
    assert done.status == 0
    assert "every byte" in done.out


def test_what_is_extracted_is_what_was_packed(executable: Path, tmp_path: Path) -> None:
    done = lmfile("extract", executable, "-o", tmp_path / "all")
    assert done.status == 0, done
    assert sha256(tmp_path / "all" / MODEL) == KNOWN["smollm2"].sha256
    told = json.loads(lmfile("inspect", "--json", executable).out)
    for member in told["members"]:
        assert sha256(tmp_path / "all" / member["path"]) == member["sha256"], member["path"]


def test_one_member_can_be_extracted(executable: Path, tmp_path: Path) -> None:
    assert lmfile("extract", executable, MODEL, "-o", tmp_path).status == 0
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [Path(MODEL).name]
    # what is there is not replaced
    assert str(tmp_path) in sentence(lmfile("extract", executable, MODEL, "-o", tmp_path), 10)


@pytest.mark.parametrize("command", ["inspect", "verify", "extract"])
def test_a_file_that_is_none(command: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello\n" * 100)
    assert str(tmp_path / "text") in sentence(lmfile(command, tmp_path / "text"), 30)


# What the executable says about itself


def test_version(executable: Path, env: dict[str, str]) -> None:
    done = run([executable, "--version"], env=env)
    assert (done.status, done.err) == (0, "")
    assert "smollm2: lmfile " in done.out
    assert KNOWN["smollm2"].sha256 in done.out


def test_help_is_one_screen_and_names_every_mode(executable: Path, env: dict[str, str]) -> None:
    done = run([executable, "--help"], env=env)
    assert (done.status, done.err) == (0, "")
    for flag in ("--server", "--nobrowser", "--host", "--port", "--prompt", "--chat", "--raw", "-ngl", "--verify"):
        assert flag in done.out
    assert len(done.out.splitlines()) <= 60


def test_manifest(executable: Path, env: dict[str, str]) -> None:
    done = run([executable, "--manifest"], env=env)
    assert (done.status, done.err) == (0, "")
    assert MODEL in [member["path"] for member in json.loads(done.out)["members"]]


def test_licenses(executable: Path, env: dict[str, str]) -> None:
    done = run([executable, "--licenses"], env=env)
    assert (done.status, done.err) == (0, "")
    for words in ("Apache License", "MIT", "PYTHON SOFTWARE FOUNDATION LICENSE", "lmfile.txt", "models/SmolLM2"):
        assert words in done.out, words


def test_the_executable_verifies_itself(executable: Path, env: dict[str, str]) -> None:
    done = run([executable, "--verify"], env=env)
    assert (done.status, done.err) == (0, "")
    assert "every byte" in done.out
