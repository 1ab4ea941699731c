"""Writes calls of the functions that Go templates have as expressions in Jinja, each an operand for another one."""

import itertools
import re
from collections.abc import Callable, Sequence

from bundler.recipe import go_prelude
from bundler.recipe.go_fault import TemplateFault

_VERB = re.compile(r"%(?:(?P<percent>%)|(?P<left>-?)(?P<width>\*|[1-9][0-9]{0,3})?(?P<kind>[vsdq])|)")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_SHORT = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """A text as Jinja writes it."""
    return "'" + "".join(_SHORT.get(character) or _escaped(character) for character in text) + "'"


def called(name: str, given: Sequence[str], line: int) -> str:
    """The call of a function with these values. Raises: TemplateFault for one that cannot be translated."""
    if name not in _FUNCTIONS:
        raise TemplateFault(line, f"calls `{name[:40]}`, which cannot be translated")
    least, most, write = _FUNCTIONS[name]
    if not least <= len(given) <= most:
        count = f"{least}" if least == most else f"at least {least}"
        raise TemplateFault(line, f"gives {len(given)} values to `{name}`, which takes {count}")
    if name == "printf":
        return _printf(given, line)
    return write(given)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _compared(sign: str) -> Callable[[Sequence[str]], str]:
    return lambda given: f"({given[0]} {sign} {given[1]})"


def _equal(given: Sequence[str]) -> str:
    first, *others = given
    return "(" + " or ".join(f"{first} == {other}" for other in others) + ")"


def _joined(word: str) -> Callable[[Sequence[str]], str]:
    return lambda given: "(" + f" {word} ".join(given) + ")"


def _indexed(given: Sequence[str]) -> str:
    return given[0] + "".join(f"[{key}]" for key in given[1:])


def _sliced(given: Sequence[str]) -> str:
    return f"{given[0]}[{':'.join((*given[1:], '')[:2])}]"


def _printed(given: Sequence[str]) -> str:
    """Go puts a space between two values if neither is a text."""
    made = [_text(given[0])] if given else ["''"]
    for before, value in itertools.pairwise(given):
        if not (_is_text(before) or _is_text(value)):
            made.append(f"('' if {before} is string or {value} is string else ' ')")
        made.append(_text(value))
    return "(" + " ~ ".join(made) + ")"


def _printed_line(given: Sequence[str]) -> str:
    return "(" + " ~ ' ' ~ ".join([_text(value) for value in given] or ["''"]) + " ~ '\\n')"


def _printf(given: Sequence[str], line: int) -> str:
    form, *values = given
    if not _is_text(form):
        raise TemplateFault(line, "calls `printf` with a form that is not written there, which cannot be translated")
    made: list[str] = []
    rest = list(values)
    at = 1
    for verb in _VERB.finditer(form):
        made.append(f"'{form[at : verb.start()]}'")
        at = verb.end()
        if verb["percent"]:
            made.append("'%'")
            continue
        needed = 1 + (verb["width"] == "*")
        if not verb["kind"] or len(rest) < needed:
            raise TemplateFault(line, f"calls `printf` with {form[:60]}, which cannot be translated")
        width = rest.pop(0) if verb["width"] == "*" else verb["width"]
        value = rest.pop(0)
        value = f"{go_prelude.JSON}({value})" if verb["kind"] == "q" else _text(value)
        made.append(_padded(value, width, verb["left"]) if width else value)
    if rest:
        raise TemplateFault(line, f"calls `printf` with {form[:60]} and too many values")
    made.append(f"'{form[at:-1]}'")
    return "(" + " ~ ".join(made) + ")"


def _padded(value: str, width: str, left: str) -> str:
    """With spaces before it, or behind it."""
    spaces = f"' ' * ([{width} - ({value}|length), 0]|max)"
    return f"({value} ~ {spaces})" if left else f"({spaces} ~ {value})"


def _text(value: str) -> str:
    return value if _is_text(value) else f"{go_prelude.TEXT}({value})"


def _is_text(value: str) -> bool:
    return _QUOTED.fullmatch(value) is not None


_MANY = 1000
_FUNCTIONS: dict[str, tuple[int, int, Callable[[Sequence[str]], str]]] = {
    "eq": (2, _MANY, _equal),
    "ne": (2, 2, _compared("!=")),
    "lt": (2, 2, _compared("<")),
    "le": (2, 2, _compared("<=")),
    "gt": (2, 2, _compared(">")),
    "ge": (2, 2, _compared(">=")),
    "and": (1, _MANY, _joined("and")),
    "or": (1, _MANY, _joined("or")),
    "not": (1, 1, lambda given: f"(not {given[0]})"),
    "len": (1, 1, lambda given: f"(({given[0]} or [])|length)"),
    "index": (1, _MANY, _indexed),
    "slice": (1, 3, _sliced),
    "print": (0, _MANY, _printed),
    "println": (0, _MANY, _printed_line),
    "printf": (1, _MANY, _printed),
    "json": (1, 1, lambda given: f"{go_prelude.JSON}({given[0]})"),
    "currentDate": (0, 0, lambda _given: "strftime_now('%Y-%m-%d')"),
}
"""The least and the greatest number of values, and how the call is written."""
