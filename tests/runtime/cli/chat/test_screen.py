"""The text being written, as a terminal shows it: wrapped, with the cursor at its place, after any keys."""

import random

import pytest

from runtime.cli.chat.editing.screen import Screen
from tests.screens import Screen as Terminal

TEXTS = ("plain ", "你好", "😀", "e\u0301", "\n", "a long word without end", "\t", "x")


def shown(terminal: Terminal) -> Screen:
    return Screen(terminal.write, lambda: (terminal.columns, terminal.lines))


def test_a_line_that_wraps() -> None:
    terminal = Terminal(20, 8)
    screen = shown(terminal)
    screen.show("The quick brown fox jumps", 25, "> ")
    assert terminal.text == ["> The quick brown f", "  ox jumps"]
    assert (terminal.row, terminal.column) == (1, 10)
    screen.show("The quick", 4, "> ")
    assert terminal.text == ["> The quick"]
    assert (terminal.row, terminal.column) == (0, 6)


def test_the_cursor_behind_a_full_row_stands_in_the_next() -> None:
    terminal = Terminal(12, 8)
    shown(terminal).show("123456789", 9, "> ")
    assert (terminal.row, terminal.column) == (1, 2)
    assert terminal.text == ["> 123456789"]


def test_below_what_was_there_before() -> None:
    terminal = Terminal(20, 4)
    screen = shown(terminal)
    terminal.write("earlier\r\nstill there\r\n")
    screen.show("one\ntwo", 7, "> ")
    screen.show("one\ntwo\nthree", 13, "> ")
    assert terminal.gone == ["earlier"]
    assert terminal.text == ["still there", "> one", "  two", "  three"]
    screen.leave("one", "> ")
    terminal.write("answer")
    assert terminal.text == ["still there", "> one", "answer"]


def test_more_than_a_screen_shows_the_part_around_the_cursor() -> None:
    terminal = Terminal(20, 5)
    text = "\n".join(f"line {n}" for n in range(100_000))
    shown(terminal).show(text, text.index("line 5000\n") + 4, "> ")
    assert "  line 5000" in terminal.text and len(terminal.text) == 4
    assert terminal.text[terminal.row] == "  line 5000" and terminal.column == 6
    assert terminal.gone == []


def test_a_narrower_window_loses_nothing_above() -> None:
    terminal = Terminal(40, 10)
    screen = shown(terminal)
    terminal.write("answer\r\n")
    screen.show("a" * 30, 30, "> ")
    terminal.columns = 16
    # as terminals do it: the long row is wrapped anew
    terminal.rows[1:] = [list("> " + "a" * 14), list("a" * 16)]
    terminal.row, terminal.column = 2, 16
    screen.show("a" * 30, 30, "> ")
    assert terminal.text == ["answer", "> " + "a" * 13, "  " + "a" * 13, "  " + "a" * 4]


@pytest.mark.parametrize("columns", [8, 11, 20, 80])
def test_any_text_is_drawn_as_if_it_were_the_first(columns: int) -> None:
    chance = random.Random(columns)
    terminal = Terminal(columns, 12)
    screen = shown(terminal)
    text = ""
    for _ in range(300):
        text = text + chance.choice(TEXTS) if len(text) < 60 and chance.random() < 0.8 else text[: chance.randint(0, 9)]
        at = chance.choice([place for place in range(len(text) + 1) if place == len(text) or text[place] != "\u0301"])
        screen.show(text, at, "> ")
        fresh = Terminal(columns, 12)
        shown(fresh).show(text, at, "> ")
        assert terminal.text[-len(fresh.text) :] == fresh.text
        assert terminal.column == fresh.column and len(terminal.rows) - terminal.row == len(fresh.rows) - fresh.row
        assert terminal.unknown == []
