"""Reads JSON that is still being written: hands on a value's text as it comes, and knows where the value ends.

Whether all of it is right is not looked at: what a model wrote reaches who asked as it is.
"""

import json
import re
from collections.abc import Callable

from runtime.chat.tape import SHORT, Script, Tape, Unexpected

IN_STRING = {quote: re.compile(rf"[{quote}\\]") for quote in ('"', "'")}
OUTSIDE = re.compile(r'["{}\[\]]')
LONG = 1 << 15
"""Characters of a call that is kept until its name comes."""
SCALAR_END = re.compile(r"[\s,\]}]")


def value(tape: Tape, take: Callable[[str], None]) -> Script[bool]:
    """Hand on the text of the next value. Returns whether it was complete. Raises: Unexpected, where none begins."""
    first = yield from tape.blank()
    if first == '"':
        return (yield from string(tape, take))
    if first in ("{", "["):
        return (yield from _nested(tape, take))
    if not first or first not in "-0123456789tfn":
        raise Unexpected("a value")
    while not (end := SCALAR_END.search(tape.text, tape.at)):
        _hand_on(tape, len(tape.text), take)
        if not (yield from tape.more()):
            return False
    _hand_on(tape, end.start(), take)
    return True


def text_of(tape: Tape) -> Script[str]:
    """Return the text of the next value. Raises: Unexpected, also when it is not complete, or too long to wait for."""
    parts: list[str] = []
    n_read = 0

    def take(text: str) -> None:
        nonlocal n_read
        n_read += len(text)
        parts.append(text)
        if n_read > LONG:
            raise Unexpected("a value of moderate length")

    if not (yield from value(tape, take)):
        raise Unexpected("the end of a value")
    return "".join(parts)


def string(tape: Tape, take: Callable[[str], None], most: int = 0) -> Script[bool]:
    """Hand on a string with its quotes, of either kind; returns whether it was complete.

    It may be longer than `most` characters only if that is 0. Raises: Unexpected. An escape stays together.
    """
    quote = tape.text[tape.at]
    at, n_read = tape.at + 1, 0
    while True:
        found = IN_STRING[quote].search(tape.text, at)
        if found and found.group() == quote:
            _hand_on(tape, found.end(), take)
            return True
        if found and found.end() < len(tape.text):
            at = found.end() + 1
            continue
        end = found.start() if found else len(tape.text)
        n_read += end - tape.at
        if most and n_read > most:
            raise Unexpected("a short string")
        _hand_on(tape, end, take)
        if not (yield from tape.more()):
            _hand_on(tape, len(tape.text), take)
            return False
        at = tape.at


def short_string(tape: Tape) -> Script[str]:
    """Return the next value, a string: a key, a name, an id. Raises: Unexpected."""
    parts: list[str] = []
    if (yield from tape.blank()) != '"' or not (yield from string(tape, parts.append, most=SHORT)):
        raise Unexpected("a string")
    if sum(map(len, parts)) > SHORT + 2:
        raise Unexpected("a short string")
    try:
        return str(json.loads("".join(parts), strict=False))
    except ValueError as error:
        raise Unexpected("a string") from error


def quoted(text: str) -> str:
    """Return `text` as it stands inside a JSON string; parts may be written one after the other."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def scalar(text: str) -> str:
    """Return a value that is neither list nor object as JSON: what is none in JSON is a string."""
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(text, ensure_ascii=False)
    return text


def _nested(tape: Tape, take: Callable[[str], None]) -> Script[bool]:
    depth = 0
    while True:
        found = OUTSIDE.search(tape.text, tape.at)
        if found is None:
            _hand_on(tape, len(tape.text), take)
            if not (yield from tape.more()):
                return False
        elif found.group() == '"':
            _hand_on(tape, found.start(), take)
            if not (yield from string(tape, take)):
                return False
        else:
            _hand_on(tape, found.end(), take)
            depth += 1 if found.group() in "{[" else -1
            if depth == 0:
                return True


def _hand_on(tape: Tape, end: int, take: Callable[[str], None]) -> None:
    if end > tape.at:
        take(tape.text[tape.at : end])
        tape.at = end
