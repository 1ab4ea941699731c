"""`lmfile publish-notes`: lines that can be pasted, for files and models of any name."""

import hashlib
import json
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import cli, container, fetch
from bundler.explain import keys
from runtime.payload import Model
from tests.packing import contents, pack

AWKWARD = 'it\'s; $(touch owned) `id` & "x" -n.exe'


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main([*map(str, arguments)])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def packed(folder: Path, target: str, file_name: str, **what: object) -> Path:
    """An executable for `target`."""
    output = folder / "out" / file_name
    output.parent.mkdir(exist_ok=True)
    container.write(output, replace(contents(folder), target=target, **what), fetch.quiet)  # type: ignore[arg-type]
    return output


def block(page: str, language: str) -> str:
    """The first block of code in `language`."""
    found = re.search(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found, page
    return found[1]


def test_a_section_for_each_target(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    windows = packed(tmp_path, "windows-x86_64", "mine.exe", sidecar=True)
    mac = packed(tmp_path, "macos-arm64", "mine-mac")
    linux = packed(tmp_path, "linux-x86_64", "mine")
    code, out, err = run(capsys, "publish-notes", windows, mac, linux, "--url", "https://example.org/files/")
    assert (code, err) == (0, "")
    places = [out.index(f"### {name}") for name in ("Linux on x86_64", "macOS on Apple silicon", "Windows on x86_64")]
    assert places == sorted(places)
    assert f"(Get-FileHash -Algorithm SHA256 -LiteralPath '.\\mine.exe').Hash -eq '{sha256(windows).upper()}'" in out
    weights = windows.with_suffix(".weights")
    assert f"'.\\mine.weights').Hash -eq '{sha256(weights).upper()}'" in out
    assert "curl.exe -fL -o '.\\mine.weights' 'https://example.org/files/mine.weights'" in out
    assert "xattr -d com.apple.quarantine ./mine-mac" in out
    assert "| chat | Tiny | 0 M | 64 | F32 | mit | - |" in out
    assert "/v1/chat/completions" in out
    code, out, _ = run(capsys, "publish-notes", linux, windows, "--json")
    first, second = json.loads(out)
    size = linux.stat().st_size
    assert first["files"] == [{"name": "mine", "size_bytes": size, "sha256": sha256(linux), "url": ""}]
    assert [file["name"] for file in second["files"]] == ["mine.exe", "mine.weights"]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("target", ["linux-x86_64", "macos-arm64"])
@pytest.mark.parametrize("name", ["mine", AWKWARD, "-rf", "ünï\\ côdé"])
def test_the_lines_run_in_a_shell(capsys: pytest.CaptureFixture[str], tmp_path: Path, target: str, name: str) -> None:
    """All but the program, which is a stand-in here; tests/e2e runs a real one."""
    file = packed(tmp_path, target, name)
    file.chmod(0o644)
    _, page, _ = run(capsys, "publish-notes", file)
    lines = block(page, "sh").replace("\\\n", "").rstrip("\n").split("\n")
    script = "\n".join([*lines[:-1], "echo reached"])
    done = shell(script, file.parent)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "reached"), done.stderr
    assert file.stat().st_mode & 0o111
    file.write_bytes(file.read_bytes() + b"x")
    done = shell(script, file.parent)
    assert "reached" not in done.stdout
    assert [path.name for path in file.parent.iterdir()] == [name]


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


def test_texts_of_others_are_no_marks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evil = "a|b\n# <script>alert(1)</script> [x](http://y) `z` \x1b[2J\u202e ![i](j) *s*"
    models = [Model("chat", "models/tiny model.gguf", "llama", evil, 64, 64, "F32", evil, {"source": evil})]
    file = packed(tmp_path, "linux-x86_64", "mine", models=models, name=evil[:60], publisher_version="1|2")
    _, page, _ = run(capsys, "publish-notes", file)
    assert "\x1b" not in page
    assert "\u202e" not in page
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"(?<!\\)[<\[]", prose)
    [row] = [line for line in prose.split("\n") if line.startswith("| chat")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 8
    assert [line for line in prose.split("\n") if line.startswith("# ")] == []


def test_a_signature_is_told_and_checked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ada, bob = (keys.generate(tmp_path / name, None, is_open=True) for name in ("ada", "bob"))
    file = pack(tmp_path, tmp_path / "mine")
    assert run(capsys, "publish-notes", file, "--key", tmp_path / "ada.pub")[0] == 35
    assert "Who made it" not in run(capsys, "publish-notes", file)[1]
    run(capsys, "sign", file, "--key", tmp_path / "ada.key")
    assert f"signed with the key `{ada.name}`" in run(capsys, "publish-notes", file)[1]
    code, _, err = run(capsys, "publish-notes", file, "--key", tmp_path / "bob.pub")
    assert (code, bob.name in err) == (35, True)
    code, page, _ = run(capsys, "publish-notes", file, "--key", tmp_path / "ada.pub")
    assert code == 0
    [line] = [line for line in page.split("\n") if line.startswith("lmfile verify")]
    command = shlex.split(line)
    assert command[:3] == ["lmfile", "verify", "./mine"]
    assert run(capsys, "verify", file, *command[3:])[0] == 0


@pytest.mark.parametrize(
    "url",
    ["example.org", "ftp://example.org/", "https://", "https://a b/", "https://a/?x=1", "https://[", "https://a'b"],
)
def test_an_address_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path, url: str) -> None:
    code, out, err = run(capsys, "publish-notes", pack(tmp_path, tmp_path / "mine"), "--url", url)
    assert (code, out, err.count("\n")) == (10, "", 1)


def test_files_that_no_page_can_tell_apart(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    first, second = (pack(tmp_path, tmp_path / folder / "mine") for folder in ("a", "b"))
    code, _, err = run(capsys, "publish-notes", first, second)
    assert (code, err.count("\n"), "two files are called so" in err) == (10, 1, True)
    code, _, err = run(capsys, "publish-notes", first.rename(tmp_path / "two\nlines"))
    assert (code, err.count("\n"), "rename it" in err) == (10, 1, True)
    windows = packed(tmp_path, "windows-x86_64", "mine.exe", sidecar=True)
    windows.with_suffix(".weights").unlink()
    code, _, err = run(capsys, "publish-notes", windows)
    assert (code, err.count("\n")) == (10, 1)
