"""What keys do to a text, also one of wide and joined characters."""

import pytest

from runtime.cli.chat.draft import MAX_CHARACTERS
from runtime.cli.chat.editing.cells import next_stop, previous_stop, rows, width
from runtime.cli.chat.editing.line import Line

FAMILY = "👨\u200d👩\u200d👧"
FLAGS = "🇩🇪🇫🇷"
HEART = "❤\ufe0f"


def edited(text: str, *keys: str) -> str:
    """The text after the keys, with `|` at the cursor."""
    line = Line()
    line.set(text.replace("|", ""))
    line.at = text.find("|") if "|" in text else len(line.text)
    for key in keys:
        line.do(key)
    return f"{line.text[: line.at]}|{line.text[line.at :]}"


@pytest.mark.parametrize(
    ("text", "keys", "wanted"),
    [
        ("abc", ["left", "left", "backspace"], "|bc"),
        ("|abc", ["left", "delete", "right"], "b|c"),
        ("one two", ["home"], "|one two"),
        ("one\ntwo|\nthree", ["home"], "one\n|two\nthree"),
        ("one\ntw|o\nthree", ["end"], "one\ntwo|\nthree"),
        ("one two  ", ["cut-word"], "one |"),
        ("one two", ["cut-word", "put", "put"], "one twotwo|"),
        ("one |two\nx", ["cut-end"], "one |\nx"),
        ("one|\nx", ["cut-end"], "one|x"),
        ("x\none |two", ["cut-start"], "x\n|two"),
        ("one| two", ["alt-f"], "one two|"),
        ("one two|", ["alt-b", "alt-b"], "|one two"),
        ("|one two", ["alt-d"], "| two"),
        ("one", ["newline"], "one\n|"),
        ("a" + FAMILY, ["backspace"], "a|"),
        (FAMILY + "a", ["left", "left"], "|" + FAMILY + "a"),
        (FLAGS, ["backspace"], "🇩🇪|"),
        (FLAGS, ["left", "left"], "|" + FLAGS),
        ("|" + FLAGS, ["delete"], "|🇫🇷"),
        ("e\u0301x", ["left", "backspace"], "|x"),
        ("👍🏽", ["backspace"], "|"),
        ("", ["left", "right", "backspace", "delete", "cut-word", "cut-end", "cut-start", "put", "nothing"], "|"),
    ],
)
def test_editing(text: str, keys: list[str], wanted: str) -> None:
    assert edited(text, *keys) == wanted


def test_what_is_no_text_is_not_taken() -> None:
    line = Line()
    line.insert("a\x1b[31mb\x07\x9b\r\td\ne\ud800\u200b")
    assert line.text == "a[31mb\td\ne\u200b"


def test_a_message_is_bounded() -> None:
    line = Line()
    line.insert("x" * (MAX_CHARACTERS + 5))
    line.insert("y")
    assert line.text == "x" * MAX_CHARACTERS


@pytest.mark.parametrize(
    ("text", "cells"),
    [("abc", 3), ("你好", 4), ("😀", 2), ("e\u0301", 1), (FAMILY, 2), (FLAGS, 4), (HEART, 2), ("\t", 4), ("", 0)],
)  # fmt: skip
def test_width(text: str, cells: int) -> None:
    assert width(text) == cells


@pytest.mark.parametrize(
    "text", ["plain text", "你好 world 😀", FAMILY + FLAGS + HEART, "e\u0301" * 30, "\u0301x", "🇩x"]
)
@pytest.mark.parametrize("room", [1, 2, 3, 7, 80])
def test_rows_hold_the_whole_text(text: str, room: int) -> None:
    found = rows(text, 0, len(text), room)
    assert "".join(text[row.start : row.end] for row in found) == text
    assert all(row.width <= max(room, 2) for row in found)
    assert all(row.width == width(text[row.start : row.end]) for row in found)


@pytest.mark.parametrize("text", ["abc", FAMILY + FLAGS, "\u0301\u0301a", "🇩🇪🇫x🇫", "\u200d\u200da\u200d", HEART * 3])
def test_stops_are_the_same_in_both_directions(text: str) -> None:
    forth, at = [0], 0
    while at < len(text):
        at = next_stop(text, at)
        forth.append(at)
    back = [len(text)]
    while back[-1]:
        back.append(previous_stop(text, back[-1]))
    assert forth == back[::-1]
