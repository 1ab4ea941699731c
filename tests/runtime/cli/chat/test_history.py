"""What was asked before: private, bounded, and never in the way."""

import json
import stat
from pathlib import Path

import pytest

from runtime.cli.chat.editing.history import MAX_BYTES, MAX_ENTRIES, History, history_file


def test_it_is_there_again_and_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lmfile" / "chat_history"
    history = History(path)
    for entry in ("one", "two\nlines", "two\nlines", " a secret", "  ", "你好\x1b[2J"):
        history.add(entry)
    assert History(path).entries == ["one", "two\nlines", "你好\x1b[2J"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    history.add("three")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "h"
    path.write_text("".join(f"{json.dumps(str(n))}\n" for n in range(MAX_ENTRIES * 3)))
    assert History(path).entries[0] == str(MAX_ENTRIES * 2)
    assert len(path.read_text().splitlines()) == MAX_ENTRIES // 2
    assert History(path).entries[-1] == str(MAX_ENTRIES * 3 - 1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["h"]
    path.write_bytes(b"x" * (MAX_BYTES * 3) + b'\n"last"\n')
    assert History(path).entries == ["last"]
    history = History(path)
    history.add("y" * 100_000)
    assert history.entries[-1] == "y" * 100_000 and History(path).entries == ["last"]


def test_strange_content_and_places_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "h"
    path.write_bytes(b'\xff\xfe\n{"a": 1}\n' + b"[" * 100_000 + b'\n"good"\n"cut')
    assert History(path).entries == ["good"]
    for useless in (tmp_path, tmp_path / "h" / "below"):
        history = History(useless)
        history.add("kept")
        assert history.entries == ["kept"]
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    History(link).add("no")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"HOME": "/h"}, "/h/.local/state/lmfile/chat_history"),
        ({"HOME": "/h", "XDG_STATE_HOME": "/s"}, "/s/lmfile/chat_history"),
        ({"HOME": "/h", "XDG_STATE_HOME": "s"}, "/h/.local/state/lmfile/chat_history"),
        ({}, None),
        ({"HOME": "/h", "LMFILE_HISTORY": "off"}, None),
        ({"HOME": "/h", "LMFILE_HISTORY": "OFF"}, None),
        ({"LMFILE_HISTORY": "/f"}, "/f"),
    ],
)
def test_where_it_is_kept(variables: dict[str, str], wanted: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    found = history_file(variables)
    assert (found and str(found)) == wanted


def test_search_goes_back() -> None:
    history = History()
    for entry in ("the sea", "a ship", "the sun"):
        history.add(entry)
    assert [history.search("the", before) for before in (3, 2, 0)] == [2, 0, -1]
    assert history.search("nothing", 3) == -1
