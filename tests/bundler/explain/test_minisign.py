"""Keys and signatures: what minisign writes is read, what we write minisign reads, and what is broken is refused."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.explain import minisign
from bundler.explain.minisign import SecretKey

MESSAGE = b"a manifest\n" * 1000
PASSPHRASE = "correct horse ü"

# Made by `minisign -G` 0.11 with the passphrase `pw`: 1 GiB and two seconds unlock it.
LOCKED = """\
untrusted comment: minisign encrypted secret key
RWRTY0IyvZZWNl9uNdNPYa+AoEwoB0JkFJVJBchY4YyqKurrNa4AAAACAAAAAAAAAEAAAAAA6U079PotlBPSXYiaiAALboC0S79tQFHH8N\
0uavS9POitiKmvxNqBjmOkB/jUT7D6jwGvW5v+sKF8MdRC9iSVIcyk/OCC3mFLcQ8/M2IYwLeauEInOj7ALrYizX9Dgz8PuDmCEdK7iSM=
"""
LOCKED_PUBLIC = "RWSD8RLBLTQCxX5UZbazOP/zUXych/z9UKqnYVFriACJe5inrrjawXsa"


@pytest.fixture(scope="module")
def key() -> SecretKey:
    return minisign.generate()


def tool(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the real minisign in `folder`."""
    return subprocess.run(
        ["minisign", *arguments], cwd=folder, input=typed, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_minisign_takes_our_keys_and_signatures(tmp_path: Path, key: SecretKey, passphrase: str) -> None:
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "ours.key").write_text(minisign.write_secret(key, passphrase.encode()), encoding="utf-8")
    (tmp_path / "ours.pub").write_text(minisign.write_public(key.public))
    (tmp_path / "message.minisig").write_text(minisign.sign(MESSAGE, key, "timestamp:0\tname:Ada ü"), encoding="utf-8")
    done = tool(tmp_path, "-V", "-p", "ours.pub", "-m", "message")
    assert done.returncode == 0, done.stderr
    assert "Trusted comment: timestamp:0\tname:Ada ü" in done.stdout
    assert tool(tmp_path, "-V", "-P", minisign.public_line(key.public), "-m", "message").returncode == 0
    done = tool(tmp_path, "-S", "-s", "ours.key", "-m", "message", "-t", "theirs", typed=f"{passphrase}\n")
    assert done.returncode == 0, done.stderr
    theirs = minisign.read_signature((tmp_path / "message.minisig").read_text())
    minisign.check(MESSAGE, theirs, key.public)
    assert theirs.comment == "theirs"


def test_we_take_keys_of_minisign(tmp_path: Path) -> None:
    done = tool(tmp_path, "-G", "-W", "-p", "a.pub", "-s", "a.key")
    assert done.returncode == 0, done.stderr
    locked = minisign.read_secret((tmp_path / "a.key").read_text())
    assert not locked.is_locked
    key = minisign.unlock(locked, b"")
    assert key.public == minisign.read_public((tmp_path / "a.pub").read_text())
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "message.minisig").write_text(minisign.sign(MESSAGE, key, "by us"))
    assert tool(tmp_path, "-V", "-p", "a.pub", "-m", "message").returncode == 0


def test_a_key_that_minisign_locked() -> None:
    key = minisign.unlock(minisign.read_secret(LOCKED), b"pw")
    assert key.public == minisign.read_public(LOCKED_PUBLIC)
    assert repr(key) == "SecretKey(C502342DC112F183)"


def test_a_wrong_passphrase(key: SecretKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minisign, "OPERATIONS", 1 << 15)
    monkeypatch.setattr(minisign, "MEMORY_BYTES", 1 << 20)
    locked = minisign.read_secret(minisign.write_secret(key, b"right"))
    assert minisign.unlock(locked, b"right") == key
    with pytest.raises(ValueError, match="the passphrase is wrong"):
        minisign.unlock(locked, b"wrong")


def test_limits_of_libsodium() -> None:
    """N and p as minisign has them for its own limits, and for lower ones that it takes where memory is short."""
    assert minisign._cost(1 << 25, 1 << 30) == (1 << 20, 1)
    assert minisign._cost(1 << 24, 1 << 29) == (1 << 19, 1)
    assert minisign._cost(524_288, 1 << 24) == (1 << 14, 1)
    assert minisign._cost(1 << 22, 1 << 24) == (1 << 14, 8)
    assert minisign._cost(1, 1 << 30) == (1 << 10, 1)


def recoded(text: str, line: int, change: Callable[[bytearray], object]) -> str:
    """`text` with the bytes behind the base64 of one line changed."""
    lines = text.split("\n")
    data = bytearray(base64.b64decode(lines[line]))
    change(data)
    lines[line] = base64.b64encode(data).decode()
    return "\n".join(lines)


def put(at: int, data: bytes) -> Callable[[bytearray], object]:
    return lambda content: content.__setitem__(slice(at, at + len(data)), data)


SIGNATURES: dict[str, Callable[[str], str]] = {
    "empty": lambda _text: "",
    "one line": lambda text: text.split("\n")[1],
    "a line less": lambda text: "\n".join(text.split("\n")[:3]),
    "a line more": lambda text: text + "more\n",
    "no comment": lambda text: text.replace("untrusted comment: ", "comment: ", 1),
    "a comment too long": lambda text: text.replace("signature from", "x" * 1100, 1),
    "no trusted comment": lambda text: text.replace("\ntrusted comment: ", "\n"),
    "a trusted comment too long": lambda text: text.replace("name:x", "x" * 9000),
    "not base64": lambda text: text.replace("\nR", "\n!", 1),
    "another spelling": lambda text: text.replace("\nR", "\n R", 1),
    "short": lambda text: recoded(text, 1, lambda data: data.pop()),
    "long": lambda text: recoded(text, 1, lambda data: data.append(0)),
    "older kind": lambda text: recoded(text, 1, put(0, b"Ed")),
    "unknown kind": lambda text: recoded(text, 1, put(0, b"XX")),
    "other key id": lambda text: recoded(text, 1, put(2, bytes(8))),
    "other signature": lambda text: recoded(text, 1, put(20, bytes(8))),
    "signature of zeros": lambda text: recoded(text, 1, put(10, bytes(64))),
    "other comment": lambda text: text.replace("name:x", "name:y"),
    "comment with a space more": lambda text: text.replace("name:x", "name:x "),
    "other binding": lambda text: recoded(text, 3, put(0, bytes(8))),
    "short binding": lambda text: recoded(text, 3, lambda data: data.pop()),
    "binding not base64": lambda text: text[:-4] + "%%%\n",
    "first signature as the binding": lambda text: recoded(
        text, 3, put(0, base64.b64decode(text.split("\n")[1])[10:])
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_broken_signature(key: SecretKey, name: str) -> None:
    whole = minisign.sign(MESSAGE, key, "name:x")
    minisign.check(MESSAGE, minisign.read_signature(whole), key.public)
    minisign.check(MESSAGE, minisign.read_signature(whole.replace("\n", "\r\n")), key.public)
    broken = SIGNATURES[name](whole)
    assert broken != whole
    with pytest.raises(ValueError, match=r"^it[s ][^\n]+$"):
        minisign.check(MESSAGE, minisign.read_signature(broken), key.public)


@pytest.mark.parametrize("change", [MESSAGE[:-1], MESSAGE + b"\n", b""])
def test_another_message(key: SecretKey, change: bytes) -> None:
    signature = minisign.read_signature(minisign.sign(MESSAGE, key, ""))
    with pytest.raises(ValueError, match="not that of this manifest"):
        minisign.check(change, signature, key.public)


SECRETS: dict[str, Callable[[str], str]] = {
    "empty": lambda _text: "",
    "a line more": lambda text: text + "\n",
    "no comment": lambda text: text.split("\n")[1] + "\n",
    "not base64": lambda text: text.replace("\nR", "\n?", 1),
    "short": lambda text: recoded(text, 1, lambda data: data.pop()),
    "long": lambda text: recoded(text, 1, lambda data: data.append(0)),
    "other algorithm": lambda text: recoded(text, 1, put(0, b"XX")),
    "other derivation": lambda text: recoded(text, 1, put(2, b"Ar")),
    "other checksum": lambda text: recoded(text, 1, put(4, b"S2")),
    "no operations": lambda text: recoded(text, 1, put(2, b"Sc")),
    "endless operations": lambda text: recoded(text, 1, put(2, b"ScB2" + bytes(32) + b"\xff" * 8 + b"\0\0\0\1" * 2)),
    "endless memory": lambda text: recoded(text, 1, put(2, b"ScB2" + bytes(32) + b"\0\1" + bytes(6) + b"\xff" * 8)),
    "other key id": lambda text: recoded(text, 1, put(54, bytes(8))),
    "other seed": lambda text: recoded(text, 1, put(62, bytes(8))),
    "other public half": lambda text: recoded(text, 1, put(94, bytes(8))),
    "other half without a checksum": lambda text: recoded(text, 1, put(94, bytes(64))),
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_broken_secret_key(key: SecretKey, name: str) -> None:
    whole = minisign.write_secret(key, b"")
    assert minisign.unlock(minisign.read_secret(whole), b"") == key
    with pytest.raises(ValueError, match=r"^(it|its|unlocking it) [^\n]+$"):
        minisign.unlock(minisign.read_secret(SECRETS[name](whole)), b"")


PUBLIC: dict[str, Callable[[str], str]] = {
    "empty": lambda _text: "",
    "a line more": lambda text: text + "x\n",
    "no comment": lambda text: text.replace("untrusted", "trusted"),
    "not base64": lambda text: text.replace("\nR", "\n-", 1),
    "short": lambda text: recoded(text, 1, lambda data: data.pop()),
    "other algorithm": lambda text: recoded(text, 1, put(0, b"ED")),
    "a secret key": lambda _text: minisign.write_secret(minisign.generate(), b""),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_broken_public_key(key: SecretKey, name: str) -> None:
    whole = minisign.write_public(key.public)
    assert minisign.read_public(whole) == minisign.read_public(minisign.public_line(key.public)) == key.public
    with pytest.raises(ValueError, match=r"^it[s ][^\n]+$"):
        minisign.read_public(PUBLIC[name](whole))
