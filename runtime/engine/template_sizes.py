"""Bounds on what an operation of a template makes: refused before it is made, or counted when it is.

Sizes count characters: a list is about as long as it would be as text.

Does not know: the environment, what templates are for.
"""

import re
from collections.abc import Iterator
from typing import Any

from jinja2.runtime import Macro
from jinja2.utils import Namespace

MAX_SIZE = 1 << 23
"""Characters of a text, or of the texts in a list, each item counting at least ITEM_SIZE."""

ITEM_SIZE = 8
"""So that counting a list that holds itself many times over takes a fraction of a second."""

MAX_ARGUMENT = 100_000
"""Of a whole number given to a filter or a function: a count, a width, an indent. What a filter works on is none."""

KEEP_NUMBERS = frozenset({"append", "default", "dict", "get"})
"""They pass on what they are given: a number is data there."""

MAX_BITS = 256
WIDE = re.compile(r"%[-+ #0-9.]*(?:\d{5}|\*)|\{[^{}]*\d{5}")
"""In a format of either kind: a width of 10,000 or more, or one given as an argument."""

AT_ONCE = frozenset({"first", "last", "len"})
"""They cost the same for any list; templates ask for the number of turns at each turn."""


class TooMuchWork(Exception):
    """A bound was passed; the text says which."""


def bounded_range(*args: int) -> range:
    """Return a range of numbers up to MAX_ARGUMENT."""
    numbers = range(*args)
    if max(map(abs, (numbers.start, numbers.stop, numbers.step))) > MAX_ARGUMENT:
        raise TooMuchWork(f"it counts beyond {MAX_ARGUMENT}")
    return numbers


def counted(items: Iterator[Any]) -> Iterator[Any]:
    """Pass items on, as many as a list of them could hold."""
    size = 0
    for item in items:
        size += max(ITEM_SIZE, size_of(item))
        check_size(size)
        yield item


def check_call(function: Any, subject: Any, arguments: list[Any]) -> None:
    """Refuse a call that would make much out of little; `subject`: the object of a method, the value of a filter."""
    name = getattr(function, "__name__", "").removeprefix("sync_").removeprefix("do_")
    if name in AT_ONCE:
        return
    values = [subject, *arguments]
    check_size(sum(map(size_of, values)))
    keeps = name in KEEP_NUMBERS or isinstance(function, Macro) or function is Namespace
    if not keeps and any(isinstance(value, int) and abs(value) > MAX_ARGUMENT for value in arguments):
        raise TooMuchWork(f"it uses a number above {MAX_ARGUMENT}")
    texts = [value for value in values if isinstance(value, str)]
    if name == "replace" and len(texts) == 3:
        check_size(texts[0].count(texts[1]) * len(texts[2]))
    elif name == "join":
        check_size(_n_items(values, texts) * min(map(len, texts), default=0))
    elif name == "indent" and texts:
        widths = [value for value in values if isinstance(value, int)] + [len(text) for text in texts[1:]]
        check_size((texts[0].count("\n") + 1) * max(widths, default=0))
    elif name in ("format", "format_map") and texts and WIDE.search(texts[0]):
        raise TooMuchWork("it formats with a huge width")


def check_operation(operator: str, left: Any, right: Any) -> None:
    """Refuse an operation whose result would be too large."""
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * (abs(right) if operator == "**" else 1) + right.bit_length()
        if bits > MAX_BITS:
            raise TooMuchWork("it computes with huge numbers")
    elif operator == "+":
        check_size(size_of(left) + size_of(right))
    elif operator == "*":
        check_size(size_of(left) * right if isinstance(right, int) else size_of(right) * left)
    elif operator == "%" and isinstance(left, str):
        check_size(len(left) + size_of(right))
        if WIDE.search(left):
            raise TooMuchWork("it formats with a huge width")


def checked(value: Any) -> Any:
    """Return the value if it is not too large."""
    if not isinstance(value, str) or len(value) > MAX_SIZE:
        check_size(size_of(value))
    return value


def check_size(size: int) -> None:
    """Refuse a value of so many characters."""
    if size > MAX_SIZE:
        raise TooMuchWork(f"it makes a value of more than {MAX_SIZE} characters")


def size_of(value: Any) -> int:
    """Return about how long `value` is as text; stops counting when it is too much."""
    if isinstance(value, str | bytes | range):
        return len(value)
    if isinstance(value, dict):
        return size_of([*value.keys(), *value.values()])
    if not isinstance(value, list | tuple):
        return 1
    total = 0
    for item in value:
        total += max(ITEM_SIZE, size_of(item))
        if total > MAX_SIZE:
            break
    return total


def _n_items(values: list[Any], texts: list[str]) -> int:
    """Return how many items a join has: of a list, of a text, or at most of what cannot be counted."""
    lengths = [len(value) for value in values if isinstance(value, list | tuple | dict)]
    if not lengths and len(texts) > 1:
        lengths = [len(text) for text in texts]
    return max(lengths, default=MAX_ARGUMENT)
