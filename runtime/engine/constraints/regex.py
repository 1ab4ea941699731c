"""Reads regular expressions of the kind that can be matched in linear time, and bounds them.

The syntax is what llguidance and Python share: no look-around, no references back, no word
borders. Nothing is matched here: `trigger.py` runs the tree, llguidance reads the text.
"""

from dataclasses import dataclass
from typing import NamedTuple, NoReturn, TypeAlias

from runtime.engine.constraints import limits
from runtime.engine.constraints.limits import refuse

TOP = 0x10FFFF
Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Sorted, disjoint and inclusive."""

DIGIT: Ranges = ((48, 57),)
WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
SPACE: Ranges = ((9, 13), (32, 32))
ANY_BUT_NEWLINE: Ranges = ((0, 9), (11, TOP))

CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}
CLASSES = {"d": DIGIT, "w": WORD, "s": SPACE}
HEX_DIGITS = {"x": 2, "u": 4}


class Characters(NamedTuple):
    """One character out of `ranges`; None when only llguidance knows which (Unicode classes)."""

    ranges: Ranges | None


class Sequence(NamedTuple):
    items: "list[Node]"


class Alternatives(NamedTuple):
    items: "list[Node]"


class Repeat(NamedTuple):
    """`most` None is without end."""

    item: "Node"
    least: int
    most: int | None
    lazy: bool


class Group(NamedTuple):
    """`number` counts capture groups from 1, None captures nothing."""

    item: "Node"
    number: int | None


class Anchor(NamedTuple):
    """The beginning of the text, or its end."""

    at_start: bool


Node: TypeAlias = Characters | Sequence | Alternatives | Repeat | Group | Anchor


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `size` counts characters with repetitions written out."""

    root: Node
    n_groups: int
    size: int
    portable: bool
    """False when it holds what only llguidance can match."""


def parse(text: str, what: str) -> Expression:
    """Read `text`; `what` names it in a refusal. Raises: InvalidRequest."""
    limits.check_size(text, limits.REGEX_BYTES, what)
    return _Reader(text, what).expression()


def inverted(ranges: Ranges) -> Ranges:
    """Return every character that is not in `ranges`."""
    found, start = [], 0
    for low, high in ranges:
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    if start <= TOP:
        found.append((start, TOP))
    return tuple(found)


def united(ranges: list[tuple[int, int]]) -> Ranges:
    """Return `ranges` sorted and merged."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


class _Reader:
    def __init__(self, text: str, what: str) -> None:
        self._text = text
        self._what = what
        self._at = 0
        self._depth = 0
        self._n_groups = 0
        self._portable = True

    def expression(self) -> Expression:
        root, size = self._alternatives()
        if self._at < len(self._text):
            self._refuse("a `)` too many")
        return Expression(root, self._n_groups, size, self._portable)

    def _alternatives(self) -> tuple[Node, int]:
        items, size = [], 0
        while True:
            item, item_size = self._sequence()
            items.append(item)
            size += item_size
            if not self._take("|"):
                break
        if len(items) > limits.ALTERNATIVES:
            self._refuse(f"more than {limits.ALTERNATIVES} alternatives")
        return (Alternatives(items) if len(items) > 1 else items[0]), self._sized(size)

    def _sequence(self) -> tuple[Node, int]:
        items: list[Node] = []
        size = 0
        while self._peek() not in ("", "|", ")"):
            item, item_size = self._repeated()
            items.append(item)
            size = self._sized(size + item_size)
        return Sequence(items), size

    def _repeated(self) -> tuple[Node, int]:
        item, size = self._atom()
        bounds = self._bounds()
        if bounds is None:
            return item, size
        if isinstance(item, Anchor):
            self._refuse("an anchor is repeated")
        lazy = self._take("?")
        if self._peek() and self._peek() in "*+?{":
            self._refuse("a repetition is repeated; put a group around it")
        least, most = bounds
        return Repeat(item, least, most, lazy), self._sized(max(1, size) * max(least, most or 0, 1))

    def _bounds(self) -> tuple[int, int | None] | None:
        if self._take("*"):
            return 0, None
        if self._take("+"):
            return 1, None
        if self._take("?"):
            return 0, 1
        if not self._take("{"):
            return None
        end = self._text.find("}", self._at)
        least, comma, most = self._text[self._at : end].partition(",")
        if end < 0 or not _is_count(least) or (most and not _is_count(most)):
            self._refuse(r"a `{` that begins no repetition; write `\{` for the character")
        self._at = end + 1
        low = int(least)
        high = int(most) if most else None if comma else low
        if max(low, high or 0) > limits.REPETITIONS:
            self._refuse(f"a repetition of more than {limits.REPETITIONS:,}")
        if high is not None and high < low:
            self._refuse("a repetition whose bounds are the wrong way round")
        return low, high

    def _atom(self) -> tuple[Node, int]:
        character = self._next()
        if character == "(":
            return self._group()
        if character == "[":
            return self._class(), 1
        if character in "^$":
            return Anchor(character == "^"), 0
        if character == ".":
            return Characters(ANY_BUT_NEWLINE), 1
        if character in "*+?{":
            self._refuse(f"`{character}` follows nothing that it could repeat")
        return Characters(self._escape() if character == "\\" else _single(ord(character))), 1

    def _group(self) -> tuple[Node, int]:
        self._depth += 1
        if self._depth > limits.NESTING:
            self._refuse(f"more than {limits.NESTING} nested groups")
        index = None
        if self._take("?"):
            if not self._take(":"):
                index = self._named()
        else:
            index = self._count_group()
        item, size = self._alternatives()
        if not self._take(")"):
            self._refuse("a `(` without its `)`")
        self._depth -= 1
        return Group(item, index), size

    def _named(self) -> int:
        self._take("P")
        end = self._text.find(">", self._at)
        name = self._text[self._at + 1 : end]
        if self._peek() != "<" or end < 0 or not name.isidentifier():
            self._refuse("a group of a kind that is not supported: no look-around, no flags")
        self._at = end + 1
        return self._count_group()

    def _count_group(self) -> int:
        self._n_groups += 1
        return self._n_groups

    def _class(self) -> Characters:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        known = True
        while True:
            if self._peek() == "[" or self._text.startswith(("&&", "--", "~~"), self._at):
                self._refuse("a class inside a class")
            low = self._class_item()
            if len(low or ()) != 1 or low is None or low[0][0] != low[0][1] or not self._is_range():
                known = known and low is not None
                ranges += low or ()
            else:
                self._at += 1
                high = self._class_item()
                if high is None or len(high) != 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
                    self._refuse("a range whose ends are the wrong way round")
                ranges.append((low[0][0], high[0][1]))
            if self._take("]"):
                break
        if not known:
            return Characters(None)
        found = united(ranges)
        return Characters(inverted(found) if negated else found)

    def _class_item(self) -> Ranges | None:
        character = self._next()
        return self._escape() if character == "\\" else _single(ord(character))

    def _is_range(self) -> bool:
        return self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", "")

    def _escape(self) -> Ranges | None:
        character = self._next()
        if character in CONTROLS:
            return _single(CONTROLS[character])
        if character.lower() in CLASSES:
            ranges = CLASSES[character.lower()]
            return ranges if character.islower() else inverted(ranges)
        if character in HEX_DIGITS:
            return _single(self._hex(HEX_DIGITS[character]))
        if character in "pP":
            self._portable = False
            end = self._text.find("}", self._at)
            if self._peek() != "{" or end < 0:
                self._refuse("a Unicode class without its name in braces")
            self._at = end + 1
            return None
        if character.isalnum():
            self._refuse(f"`\\{character}`, which is not supported")
        return _single(ord(character))

    def _hex(self, n_digits: int) -> int:
        if self._take("{"):
            end = self._text.find("}", self._at)
            digits, self._at = self._text[self._at : end], end + 1
        else:
            digits = self._text[self._at : self._at + n_digits]
            self._at += n_digits
        if not 1 <= len(digits) <= 8 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
            self._refuse("an escape with wrong hexadecimal digits")
        if (value := int(digits, 16)) > TOP or 0xD800 <= value <= 0xDFFF:
            self._refuse("an escape for what is no character")
        return value

    def _sized(self, size: int) -> int:
        if size > limits.REGEX_SIZE:
            self._refuse(f"more than {limits.REGEX_SIZE:,} characters once its repetitions are written out")
        return size

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, character: str) -> bool:
        found = self._peek() == character
        self._at += found
        return found

    def _next(self) -> str:
        character = self._peek()
        if not character:
            refuse(f"{self._what} ends in the middle of an expression: `{limits.cut(self._text)}`")
        self._at += 1
        return character

    def _refuse(self, has: str) -> NoReturn:
        refuse(f"{self._what} `{limits.cut(self._text)}` has {has} (at character {self._at})")


def _single(code: int) -> Ranges:
    return ((code, code),)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6
