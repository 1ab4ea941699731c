"""The command line: help, refusals with a hint, exit codes, and the commands that look into an executable."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bundler import cli
from runtime.payload import Payload
from tests.gguf_writer import gguf
from tests.packing import APP, pack


@pytest.fixture
def executable(tmp_path: Path, output: Path) -> Path:
    return pack(tmp_path, output)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert err.count("\n") <= 1
    return code, out, err


def damage(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def test_help_fits_a_screen_and_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 110
    for word in ("build", "inspect", "verify", "extract", "runtime", "LMFILE_CACHE", "exit codes", "smollm2", "130"):
        assert word in out
    assert run(capsys)[1] == run(capsys, "help")[1] == out


@pytest.mark.parametrize("command", ["build", "inspect", "verify", "extract", "runtime"])
def test_each_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: lmfile {command}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version")[:2] == (0, "lmfile 0.1.0\n")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["biuld", "x"], "did you mean `build`?"),
        (["frobnicate"], "`lmfile --help` shows"),
        (["build", "m", "-o", "x", "--forse"], "did you mean `--force`?"),
        (["verify", "x", "--jsn"], "did you mean `--json`?"),
        (["build", "m"], "add -o FILE"),
        (["inspect"], "FILE"),
        (["runtime", "destroy"], "destroy"),
    ],
)
def test_a_slip_gets_a_hint_and_exit_code_10(
    capsys: pytest.CaptureFixture[str], arguments: list[str], hint: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (10, "")
    assert hint in err


def test_inspect(capsys: pytest.CaptureFixture[str], executable: Path) -> None:
    code, out, _ = run(capsys, "inspect", executable)
    assert code == 0
    assert "tiny: lmfile 0.1.0 for linux-x86_64" in out
    assert "Tiny, llama, F32" in out
    assert all(path in out for path in APP)
    code, out, _ = run(capsys, "inspect", executable, "--json")
    table = json.loads(out)
    assert code == 0
    assert table["size"] == executable.stat().st_size
    assert {member["path"] for member in table["members"]} >= set(APP)


def test_verify_a_whole_file(capsys: pytest.CaptureFixture[str], executable: Path) -> None:
    code, out, err = run(capsys, "verify", executable)
    assert (code, err) == (0, "")
    assert "every byte is as it was packed" in out
    code, out, _ = run(capsys, "verify", executable, "--json")
    assert (code, json.loads(out)["whole"]) == (0, True)


@pytest.mark.parametrize(("offset", "part"), [(5, "launcher"), (131_072, "models/tiny model.gguf"), (-1, "file")])
def test_verify_a_damaged_file(capsys: pytest.CaptureFixture[str], executable: Path, offset: int, part: str) -> None:
    damage(executable, offset % executable.stat().st_size)
    code, out, err = run(capsys, "verify", executable)
    assert (code, out) == (30, "")
    assert "download the file again" in err
    code, out, err = run(capsys, "verify", executable, "--json")
    assert (code, err) == (30, "")
    assert [finding["part"] for finding in json.loads(out)["findings"]] == [part]


@pytest.mark.parametrize("command", ["inspect", "verify", "extract"])
def test_what_is_no_executable(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    (tmp_path / "text").write_text("text")
    assert run(capsys, command, tmp_path / "text")[0] == 30
    code, _, err = run(capsys, command, tmp_path / "none")
    assert (code, "no such file" in err) == (10, True)
    code, _, err = run(capsys, command, tmp_path)
    assert (code, "directory" in err) == (10, True)


def test_extract_everything(capsys: pytest.CaptureFixture[str], executable: Path, tmp_path: Path) -> None:
    into = tmp_path / "taken out"
    code, out, _ = run(capsys, "extract", executable, "-o", into)
    assert code == 0
    assert len(out.splitlines()) == 7
    assert (into / "manifest.json").read_bytes() == Payload.open(executable).manifest_bytes
    assert (into / "models/tiny model.gguf").read_bytes() == gguf()
    assert {path: (into / path).read_bytes() for path in APP} == APP


def test_extract_a_member_or_a_folder(capsys: pytest.CaptureFixture[str], executable: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    code, out, _ = run(capsys, "extract", executable, "-o", into, "models/tiny model.gguf", "app/runtime")
    assert code == 0
    assert len(out.splitlines()) == 3
    code, _, err = run(capsys, "extract", executable, "models/tinymodel.gguf", "-o", into)
    assert (code, "did you mean `models/tiny model.gguf`?" in err) == (10, True)


def test_extract_replaces_only_when_told(capsys: pytest.CaptureFixture[str], executable: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    (into / "LICENSES").mkdir(parents=True)
    (into / "LICENSES/model.txt").write_text("mine")
    code, _, err = run(capsys, "extract", executable, "-o", into)
    assert (code, "--force" in err) == (10, True)
    assert [path.name for path in into.rglob("*") if path.is_file()] == ["model.txt"]
    assert (into / "LICENSES/model.txt").read_text() == "mine"
    assert run(capsys, "extract", executable, "-o", into, "--force")[0] == 0
    assert (into / "LICENSES/model.txt").read_text() == "free"


def test_extract_leaves_nothing_of_a_damaged_member(
    capsys: pytest.CaptureFixture[str], executable: Path, tmp_path: Path
) -> None:
    damage(executable, 131_072 + 100)
    code, _, err = run(capsys, "extract", executable, "models", "-o", tmp_path / "into")
    assert (code, "were changed" in err) == (30, True)
    assert list((tmp_path / "into/models").iterdir()) == []


def test_extract_does_not_follow_a_link_out(
    capsys: pytest.CaptureFixture[str], executable: Path, tmp_path: Path
) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "into/models").symlink_to(tmp_path / "elsewhere")
    code, _, err = run(capsys, "extract", executable, "-o", tmp_path / "into")
    assert (code, "leads out" in err) == (10, True)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_closed_pipe_is_no_error(executable: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "bundler", "inspect", executable]
    found = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(writer)
    assert (found.returncode, found.stderr) == (141, b"")
