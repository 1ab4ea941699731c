"""How much of a grammar is accepted, and how a refusal is worded.

Everything is held against these bounds before native code sees it: a recursive parser
over 30,000 groups ends a process, and a repetition of a repetition fills the memory.
"""

from typing import NoReturn

from runtime.engine.backend import InvalidRequest

TEXT_BYTES = 64 << 10
SCHEMA_DEPTH = 32
NESTING = 64
"""Of groups in a grammar or a regular expression."""
JSON_NESTING = 128
"""A schema of depth 32 nests its JSON up to twice as deep."""
REPETITIONS = 2_000
"""In `{m,n}`, minLength, maxItems and their like."""
ENUM_VALUES = 1_024
PROPERTIES = 256
RULES = 1_000
ALTERNATIVES = 4_096
REGEX_BYTES = 8 << 10
REGEX_SIZE = 20_000
"""Characters of a regular expression once its repetitions are written out."""
SYMBOLS = 10_000
"""Characters and names in a grammar."""
MULTIPLE = 10_000
"""Of multipleOf, and of all of them together where schemas are combined: 10,000 take 30 ms, a million 23 s."""


def refuse(sentence: str) -> NoReturn:
    """Raise InvalidRequest."""
    raise InvalidRequest(sentence)


def check_size(text: str, most_bytes: int, what: str) -> None:
    """Refuse a text that is too long, or holds what UTF-8 cannot carry."""
    if len(text) > most_bytes or len(text.encode("utf-8", "surrogatepass")) > most_bytes:
        refuse(f"{what} is longer than {most_bytes:,} bytes")
    if any("\ud800" <= character <= "\udfff" for character in text):
        refuse(f"{what} holds half of a surrogate pair")


def check_nesting(text: str, most: int, what: str) -> None:
    """Refuse JSON that nests deeper than `most`, before a recursive parser reads it."""
    depth, in_string, escaped = 0, False, False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > most:
                refuse(f"{what} nests deeper than {most} levels")
        elif character in "]}":
            depth -= 1


def cut(text: str, most: int = 60) -> str:
    """Return what a message quotes of `text`."""
    return text if len(text) <= most else text[:most] + "…"
