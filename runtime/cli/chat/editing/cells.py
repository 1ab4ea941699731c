"""How text lies on a terminal: what moves as one character, how many cells it takes, where rows end."""

import re
import unicodedata
from typing import NamedTuple

TAB = 4
JOINER = "\u200d"
EMOJI_STYLE = "\ufe0f"
SKIN = range(0x1F3FB, 0x1F400)
FLAG_LETTERS = range(0x1F1E6, 0x1F200)
UNPRINTABLE = re.compile(r"[^\t\n\x20-\x7e\xa0-\U0010ffff]|[\ud800-\udfff]")
"""What an editor does not take: control characters, and halves of characters."""


class Row(NamedTuple):
    """One row of the screen: the part of the text from `start` to `end`, in `width` cells."""

    start: int
    end: int
    width: int


def next_stop(text: str, at: int) -> int:
    """The end of the character that begins at `at`, with all that joins it."""
    end = at + 1
    if ord(text[at]) in FLAG_LETTERS and end < len(text) and ord(text[end]) in FLAG_LETTERS:
        return end + 1
    while end < len(text) and (_joins(text[end]) or text[end - 1] == JOINER):
        end += 1
    return min(end, len(text))


def previous_stop(text: str, at: int) -> int:
    """The beginning of the character that ends at `at`."""
    start = at - 1
    while start > 0 and (_joins(text[start]) or text[start - 1] == JOINER):
        start -= 1
    if ord(text[start]) in FLAG_LETTERS:
        n_letters = 1
        while start - n_letters >= 0 and ord(text[start - n_letters]) in FLAG_LETTERS:
            n_letters += 1
        return start - (n_letters + 1) % 2
    return max(start, 0)


def width(text: str) -> int:
    """How many cells the text of a row takes."""
    if text.isascii():
        return len(text) + text.count("\t") * (TAB - 1)
    cells, at = 0, 0
    while at < len(text):
        end = next_stop(text, at)
        cells += _width_of_one(text[at:end])
        at = end
    return cells


def shown(text: str) -> str:
    """The text of a row as it is written to the terminal."""
    return text.replace("\t", " " * TAB)


def rows(text: str, start: int, end: int, room: int) -> list[Row]:
    """Break one line of the text, from `start` to `end`, into rows of at most `room` cells; there is always one."""
    line = text[start:end]
    if line.isascii() and "\t" not in line:
        cuts = range(start, max(end, start + 1), room)
        return [Row(cut, min(cut + room, end), min(cut + room, end) - cut) for cut in cuts]
    found, begun, cells, at = [], start, 0, start
    while at < end:
        stop = min(next_stop(text, at), end)
        taken = _width_of_one(text[at:stop])
        if cells + taken > room and at > begun:
            found.append(Row(begun, at, cells))
            begun, cells = at, 0
        cells += taken
        at = stop
    return [*found, Row(begun, end, cells)]


def _joins(character: str) -> bool:
    """Whether it is shown on the one before it."""
    return not character.isascii() and (
        character in (JOINER, EMOJI_STYLE) or ord(character) in SKIN or unicodedata.category(character) in ("Mn", "Me")
    )


def _width_of_one(cluster: str) -> int:
    first = cluster[0]
    if first == "\t":
        return TAB
    if len(cluster) > 1 and (EMOJI_STYLE in cluster or ord(first) in FLAG_LETTERS):
        return 2
    if unicodedata.east_asian_width(first) in "WF":
        return 2
    return 0 if unicodedata.category(first) in ("Mn", "Me", "Cf") else 1
