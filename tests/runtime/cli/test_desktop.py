"""The entry in the menu of programs: whatever the executable is called, a desktop starts exactly that file."""

import io
import stat
import sys
from pathlib import Path

import pytest

from bundler.container import Part
from runtime.cli import desktop
from runtime.cli.parse import parse
from runtime.console import Console
from runtime.errors import CannotWrite, UsageError
from runtime.payload import Assistant, Payload
from tests.packing import APP, NOBODY, pack

OURS = b"<svg/>"
BREAD_BOOK = Assistant(name="Bread Book", greeting="Hallo!\nWie geht's?", icon="icon.png")
UNESCAPED = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def change(payload: Payload | None, flag: str = "--install-desktop") -> str:
    """What is said."""
    said = io.StringIO()
    options, _ = parse([flag])
    assert desktop.change(options, payload, Console(io.StringIO(), said)) == 0
    return said.getvalue()


def made(folder: Path, path: Path, assistant: Assistant = NOBODY) -> Payload:
    path.parent.mkdir(parents=True, exist_ok=True)
    icons = [Part(assistant.icon, "icon", b"PNG")] if assistant.icon else []
    pack(folder, path, app=APP | {"app/webui/icon.svg": OURS}, assistant=assistant, extra=icons)
    return Payload.open(path)


def entry(home: Path) -> dict[str, str]:
    """The keys of the only entry, unescaped as the specification has it."""
    (file,) = (home / "applications").iterdir()
    head, *lines = file.read_text(encoding="utf-8").splitlines()
    assert head == "[Desktop Entry]"
    return {key: unescaped(value) for key, _, value in (line.partition("=") for line in lines)}


def unescaped(value: str) -> str:
    pieces = iter(value)
    return "".join(UNESCAPED[next(pieces)] if piece == "\\" else piece for piece in pieces)


def arguments(command: str) -> list[str]:
    """What a desktop makes of Exec: quotes are undone first, then field codes are filled in."""
    found, pieces, quoted = [""], iter(command), False
    for piece in pieces:
        if piece == '"':
            quoted = not quoted
        elif quoted and piece == "\\":
            found[-1] += next(pieces)
        elif piece == " " and not quoted:
            found.append("")
        else:
            assert quoted or piece not in "\t\n'\\><~|&;$*?#()`", f"{piece} is not quoted"
            found[-1] += piece
    assert not quoted
    assert all(set(one.replace("%%", "")) & {"%"} == set() for one in found)
    return [one.replace("%%", "%") for one in found]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "data home"
    monkeypatch.setenv("XDG_DATA_HOME", str(path))
    return path


def test_without_a_publisher(tmp_path: Path, home: Path) -> None:
    payload = made(tmp_path, tmp_path / "tiny")
    said = change(payload)
    found = entry(home)
    assert found["Name"] == "tiny"
    assert (found["Type"], found["Terminal"]) == ("Application", "false")
    assert arguments(found["Exec"]) == [found["TryExec"]] == [str(tmp_path / "tiny")]
    assert Path(found["Icon"]).read_bytes() == OURS
    assert Path(found["Icon"]) == home / "icons" / "lmfile-tiny.svg"
    for word in (str(home / "applications" / "lmfile-tiny.desktop"), found["Icon"], "--remove-desktop"):
        assert word in said


def test_with_a_publisher(tmp_path: Path, home: Path) -> None:
    change(made(tmp_path, tmp_path / "breadbook", BREAD_BOOK))
    found = entry(home)
    assert (found["Name"], found["Comment"]) == ("Bread Book", "Hallo!")
    assert Path(found["Icon"]).read_bytes() == b"PNG"
    assert Path(found["Icon"]).suffix == ".png"
    assert (home / "applications" / "lmfile-bread-book.desktop").is_file()


@pytest.mark.parametrize(
    "name",
    [
        "with space", "it's", 'say "so"', "100%", "%f %U", "$HOME", "`id`", "a\\b", "a\\\\nb", "~", "a;b&c|d", "(x)",
        "*?#", "<>", "a=b", "ünïcode 模型",
    ],
)  # fmt: skip
def test_a_desktop_starts_exactly_this_file(tmp_path: Path, home: Path, name: str) -> None:
    path = tmp_path / name / "model"
    change(made(tmp_path, path))
    found = entry(home)
    *shell, last = arguments(found["Exec"])
    assert last == found["TryExec"] == str(path)
    assert shell in ([], ["/bin/sh", "-c", 'exec "$0"'])
    assert not shell or "%" in name or "=" in name


def test_what_no_entry_can_name(tmp_path: Path, home: Path) -> None:
    with pytest.raises(UsageError, match="no entry can name"):
        change(made(tmp_path, tmp_path / "a\nb" / "model"))
    assert not home.exists()


def test_any_name_gets_a_file_of_its_own(tmp_path: Path, home: Path) -> None:
    for name in ("模型", "../../.bashrc", "Ä", "-rf"):
        change(made(tmp_path, tmp_path / "model", Assistant(name=name)))
    files = sorted(path.name for path in (home / "applications").iterdir())
    assert len(files) == 4
    assert all(name.startswith("lmfile-") and name.isascii() for name in files)


def test_again_replaces_and_remove_leaves_nothing(tmp_path: Path, home: Path) -> None:
    payload = made(tmp_path, tmp_path / "tiny")
    change(payload)
    change(payload)
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o022 == 0 for path in home.rglob("*"))
    assert change(payload, "--remove-desktop").count("removed ") == 2
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert change(payload, "--remove-desktop") == "It was not in the menu of programs.\n"


def test_where_nothing_can_be_written(tmp_path: Path, home: Path) -> None:
    home.write_text("in the way")
    with pytest.raises(CannotWrite):
        change(made(tmp_path, tmp_path / "tiny"))


def test_a_relative_data_home_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    change(made(tmp_path, tmp_path / "tiny"))
    assert entry(tmp_path / ".local" / "share")["Name"] == "tiny"


@pytest.mark.parametrize(("platform", "word"), [("darwin", "Dock"), ("win32", "Pin to Start")])
def test_elsewhere_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, platform: str, word: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(UsageError, match=word):
        change(None)


def test_a_checkout_has_nothing_to_add() -> None:
    with pytest.raises(UsageError, match="checkout"):
        change(None)
