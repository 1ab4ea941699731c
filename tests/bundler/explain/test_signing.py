"""`lmfile sign` and `lmfile verify --key`: who made an executable, as minisign would tell, too."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bundler import cli
from bundler.container import signed
from bundler.explain import minisign
from runtime.payload import Payload
from tests.packing import pack
from tests.terminal import Terminal

SECRET = "a passphrase that stands nowhere"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main([*map(str, arguments)])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert SECRET not in out + err
    return code, out, err


@pytest.fixture
def executable(tmp_path: Path, output: Path) -> Path:
    return pack(tmp_path, output)


@pytest.fixture
def ada(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The stem of a pair of keys without a passphrase."""
    code, out, _ = run(capsys, "sign", "--generate", tmp_path / "ada", "--no-password")
    assert (code, out.strip()) == (0, (tmp_path / "ada.pub").read_text().split("\n")[1])
    return tmp_path / "ada"


def key(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def test_sign_and_verify(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, executable: Path, ada: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = executable.stat()
    manifest = Payload.open(executable).manifest_bytes
    code, out, _ = run(capsys, "verify", executable, "--key", key(ada, ".pub"))
    assert (code, "every byte is as it was packed" in out) == (35, True)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    code, out, _ = run(capsys, "sign", executable, "--key", key(ada, ".key"))
    assert (code, "signed with the key" in out) == (0, True)
    assert Payload.open(executable).manifest_bytes == manifest
    assert executable.stat().st_mode == before.st_mode
    code, out, _ = run(capsys, "verify", executable, "--key", key(ada, ".pub"))
    assert code == 0
    assert "timestamp:1700000000 name:tiny target:linux-x86_64 sha256:" in out
    line = key(ada, ".pub").read_text().split("\n")[1]
    code, out, _ = run(capsys, "verify", executable, "--json", "--key", line)
    assert (code, json.loads(out)["signature"]["problem"]) == (0, "")
    code, out, _ = run(capsys, "inspect", executable)
    assert f"signature by the key {minisign.read_public(line).name}" in out
    assert run(capsys, "extract", executable, "manifest.json", "signature.minisig", "-o", tmp_path / "taken")[0] == 0
    command = ["minisign", "-V", "-m", "manifest.json", "-x", "signature.minisig", "-P", line]
    done = subprocess.run(command, cwd=tmp_path / "taken", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_same_signature_twice_and_another_in_its_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, executable: Path, ada: Path
) -> None:
    run(capsys, "sign", executable, "--key", key(ada, ".key"))
    once = executable.read_bytes()
    run(capsys, "sign", executable, "--key", key(ada, ".key"))
    assert executable.read_bytes() == once
    run(capsys, "sign", "--generate", tmp_path / "bob", "--no-password")
    assert run(capsys, "sign", executable, "--key", tmp_path / "bob.key")[0] == 0
    code, _, err = run(capsys, "verify", executable, "--key", key(ada, ".pub"))
    assert (code, err.count("\n"), "and not with" in err) == (35, 1, True)
    assert run(capsys, "verify", executable, "--key", tmp_path / "bob.pub")[0] == 0


def test_what_was_changed_afterwards(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, executable: Path, ada: Path
) -> None:
    """A manifest that somebody made anew, whole by its hashes, with the signature of the one before."""
    run(capsys, "sign", executable, "--key", key(ada, ".key"))
    signature = Payload.open(executable).signature
    assert signature is not None
    other = pack(tmp_path, tmp_path / "other", model=b"GGUF and something else")
    signed(other, signature)
    assert run(capsys, "verify", other)[0] == 0
    code, _, err = run(capsys, "verify", other, "--key", key(ada, ".pub"))
    assert (code, "not that of this manifest" in err) == (35, True)
    signed(other, signature.replace(b"name:tiny", b"name:good"))
    code, _, err = run(capsys, "verify", other, "--key", key(ada, ".pub"))
    assert (code, err.count("\n")) == (35, 1)
    signed(executable, signature.replace(b"name:tiny", b"name:good"))
    code, out, err = run(capsys, "verify", executable, "--json", "--key", key(ada, ".pub"))
    assert (code, json.loads(out)["signature"]["problem"]) == (35, "its trusted comment was changed")
    signed(executable, b"\xff\xfe")
    assert run(capsys, "verify", executable, "--key", key(ada, ".pub"))[0] == 35
    code, out, _ = run(capsys, "inspect", executable)
    assert (code, "signature cannot be read: it is not text" in out) == (0, True)


def test_a_damaged_file_is_not_signed(capsys: pytest.CaptureFixture[str], executable: Path, ada: Path) -> None:
    data = bytearray(executable.read_bytes())
    data[100] ^= 1
    executable.write_bytes(data)
    code, out, err = run(capsys, "sign", executable, "--key", key(ada, ".key"))
    assert (code, out, err.count("\n")) == (30, "", 1)
    assert executable.read_bytes() == data
    assert run(capsys, "verify", executable, "--key", key(ada, ".pub"))[0] == 30


def test_a_passphrase_of_a_file_or_the_environment(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, executable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minisign, "OPERATIONS", 1 << 15)
    monkeypatch.setattr(minisign, "MEMORY_BYTES", 1 << 20)
    words = tmp_path / "words"
    words.write_text(SECRET + "\n")
    assert run(capsys, "sign", "--generate", tmp_path / "bob", "--password-file", words)[0] == 0
    assert run(capsys, "sign", executable, "--key", tmp_path / "bob.key", "--password-file", words)[0] == 0
    monkeypatch.setenv("LMFILE_SIGN_PASSWORD", SECRET)
    assert run(capsys, "sign", executable, "--key", tmp_path / "bob.key")[0] == 0
    monkeypatch.setenv("LMFILE_SIGN_PASSWORD", "another")
    before = executable.read_bytes()
    code, _, err = run(capsys, "sign", executable, "--key", tmp_path / "bob.key")
    assert (code, err.count("\n"), "the passphrase is wrong" in err) == (10, 1, True)
    monkeypatch.setenv("LMFILE_SIGN_PASSWORD", "")
    code, _, err = run(capsys, "sign", executable, "--key", tmp_path / "bob.key")
    assert (code, "it is empty" in err) == (10, True)
    assert executable.read_bytes() == before


def test_without_a_terminal_nobody_is_asked(tmp_path: Path, executable: Path) -> None:
    command = [sys.executable, "-m", "bundler", "sign", "--generate", str(tmp_path / "bob")]
    environment = {name: value for name, value in os.environ.items() if name != "LMFILE_SIGN_PASSWORD"}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (10, "", 1)
    assert "LMFILE_SIGN_PASSWORD or give --password-file" in done.stderr
    assert not list(tmp_path.glob("bob*"))


def test_keys_are_never_replaced(capsys: pytest.CaptureFixture[str], tmp_path: Path, ada: Path) -> None:
    assert stat.S_IMODE(key(ada, ".key").stat().st_mode) == 0o600
    before = key(ada, ".key").read_bytes()
    code, _, err = run(capsys, "sign", "--generate", ada, "--no-password")
    assert (code, err.count("\n"), "a key is never replaced" in err) == (10, 1, True)
    assert key(ada, ".key").read_bytes() == before
    (tmp_path / "carl.pub").symlink_to(tmp_path / "nowhere")
    assert run(capsys, "sign", "--generate", tmp_path / "carl", "--no-password")[0] == 10
    assert not (tmp_path / "carl.key").exists()
    assert run(capsys, "sign", "--generate", tmp_path / "no" / "folder", "--no-password")[0] == 34


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sign"], "what to sign and with what"),
        (["sign", "{file}"], "what to sign and with what"),
        (["sign", "{file}", "--key", "{folder}/none.key"], "no such file"),
        (["sign", "{file}", "--key", "{folder}"], "directory"),
        (["sign", "{file}", "--key", "{file}"], "more than 4,096 bytes"),
        (["sign", "{file}", "--key", "{folder}/ada.pub"], "should hold 158"),
        (["sign", "{folder}/none", "--key", "{folder}/ada.key"], "no such file"),
        (["sign", "{file}", "--generate", "{folder}/x"], "makes keys and signs nothing"),
        (["verify", "{file}", "--key", "{folder}/none.pub"], "there is no such file, and it is no key"),
        (["verify", "{file}", "--key", "{folder}"], "directory"),
        (["verify", "{file}", "--key", "x" * 5000], "it is no key"),
        (["verify", "{file}", "--key", "a\0b\x1b[31m"], "it is no key"),
        (["verify", "{file}", "--key", "{folder}/ada.key"], "should hold 42"),
    ],
)
def test_one_sentence_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, executable: Path, ada: Path, arguments: list[str], told: str
) -> None:
    before = executable.read_bytes()
    given = [part.format(file=executable, folder=tmp_path) for part in arguments]
    code, out, err = run(capsys, *given)
    assert (code, out, err.count("\n")) == (10, "", 1)
    assert told in err
    assert "\x1b" not in err
    assert executable.read_bytes() == before


def test_a_passphrase_is_asked_for_and_not_shown(tmp_path: Path, executable: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LMFILE_SIGN_PASSWORD"}
    lmfile = [sys.executable, "-m", "bundler", "sign"]
    with Terminal([*lmfile, "--generate", str(tmp_path / "bob")], environment) as terminal:
        terminal.expect("Passphrase of bob.key: ")
        terminal.type(f"{SECRET}\n")
        terminal.expect("The same again: ")
        terminal.type(f"{SECRET}\n")
        terminal.expect((tmp_path / "bob.pub").name)
        assert terminal.status() == 0
        assert SECRET not in terminal.screen
    with Terminal([*lmfile, str(executable), "--key", str(tmp_path / "bob.key")], environment) as terminal:
        terminal.expect("Passphrase of bob.key: ")
        terminal.type(f"{SECRET}\n")
        terminal.expect("signed with the key")
        assert terminal.status() == 0
        assert SECRET not in terminal.screen
    with Terminal([*lmfile, "--generate", str(tmp_path / "carl")], environment) as terminal:
        terminal.expect("Passphrase of carl.key: ")
        terminal.type("\x03")
        assert terminal.status() == 130
    assert not list(tmp_path.glob("carl*"))
