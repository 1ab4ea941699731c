"""Cuts a template of Go's text/template into text and actions, and actions into tokens.

`{{-` and `-}}` take the white space beside them away, as Go does. Source: the documentation of text/template.
"""

import re
from typing import Literal, NamedTuple

from bundler.recipe.go_fault import TemplateFault

Kind = Literal["text", "field", "variable", "word", "value", "sign"]

_SPACES = " \t\r\n"
_COMMENT = re.compile(r"/\*(.*?)\*/(?=(?:[ \t\r\n]+-)?\}\})", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<quoted>"(?:[^"\\\n]|\\.)*")
    |(?P<raw>`[^`]*`)
    |(?P<rune>'(?:[^'\\\n]|\\.)+')
    |(?P<number>[+-]?(?:0[xXbBoO][0-9A-Fa-f_]+|(?:[0-9][0-9_]*)?\.?[0-9]+[0-9_]*(?:[eE][+-]?[0-9]+)?\.?(?![\w.])))
    |(?P<field>\.[^\W\d]\w*)
    |(?P<variable>\$\w*)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>:=|[=|(),.])
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
_PLAIN = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))


class Token(NamedTuple):
    """`value` is what it means: a name without its sign, a text without quotes; apart: white space stands before it."""

    kind: Kind
    value: str | int | float
    apart: bool


class Text(NamedTuple):
    """What is written as it stands."""

    text: str


class Action(NamedTuple):
    """What stands between `{{` and `}}`; line: from 1."""

    tokens: tuple[Token, ...]
    line: int


def cut(source: str) -> list[Text | Action]:
    """The template in pieces. Raises: TemplateFault."""
    found: list[Text | Action] = []
    at = 0
    trimmed = False
    while (start := source.find("{{", at)) >= 0:
        text = source[at:start]
        line = source.count("\n", 0, start) + 1
        start += 2
        trims = source.startswith("-", start) and source[start + 1 : start + 2] in tuple(_SPACES)
        found.append(Text(_trimmed(text, left=trimmed, right=trims)))
        tokens, at, trimmed = _action(source, start + trims, line)
        if tokens is not None:
            found.append(Action(tokens, line))
    found.append(Text(_trimmed(source[at:], left=trimmed, right=False)))
    return [piece for piece in found if piece != Text("")]


def _trimmed(text: str, left: bool, right: bool) -> str:
    text = text.lstrip(_SPACES) if left else text
    return text.rstrip(_SPACES) if right else text


def _action(source: str, at: int, line: int) -> tuple[tuple[Token, ...] | None, int, bool]:
    """The tokens, where the text behind the action begins, and whether that is trimmed; None: a comment."""
    comment = _COMMENT.match(source, _after_spaces(source, at))
    if comment:
        end = _after_spaces(source, comment.end())
        trims = source.startswith("-", end)
        return None, end + trims + 2, trims
    tokens: list[Token] = []
    apart = False
    while not source.startswith("}}", at):
        if apart and source.startswith("-}}", at):
            return tuple(tokens), at + 3, True
        match = _TOKEN.match(source, at)
        if match is None:
            here = source.count("\n", 0, at) + 1
            if at >= len(source):
                raise TemplateFault(line, "has an action that does not end; close it with }}")
            raise TemplateFault(
                here, f"has `{source[at : at + 20].splitlines()[0]}` in an action, which Go does not know"
            )
        at = match.end()
        if match.lastgroup != "space":
            tokens.append(_token(match, apart, line))
        apart = match.lastgroup == "space"
    return tuple(tokens), at + 2, False


def _after_spaces(source: str, at: int) -> int:
    while at < len(source) and source[at] in _SPACES:
        at += 1
    return at


def _token(match: re.Match[str], apart: bool, line: int) -> Token:
    text = match[0]
    match match.lastgroup:
        case "quoted":
            return Token("text", _unescaped(text[1:-1], line), apart)
        case "raw":
            return Token("text", text[1:-1].replace("\r", ""), apart)
        case "rune":
            rune = _unescaped(text[1:-1], line)
            if len(rune) != 1:
                raise TemplateFault(line, f"has {text[:20]} in an action, which is not one character")
            return Token("value", ord(rune), apart)
        case "number":
            return Token("value", _number(text, line), apart)
        case "field":
            return Token("field", text[1:], apart)
        case "variable":
            return Token("variable", text, apart)
        case "word":
            return Token("word", text, apart)
    return Token("sign", text, apart)


def _number(text: str, line: int) -> int | float:
    try:
        if re.fullmatch(r"[+-]?0[0-7_]+", text):
            return int(text.replace("_", ""), 8)
        try:
            return int(text, 0)
        except ValueError:
            return float(text)
    except ValueError as error:
        raise TemplateFault(line, f"has the number `{text[:40]}`, which Go does not know") from error


def _unescaped(text: str, line: int) -> str:
    def one(match: re.Match[str]) -> bytes:
        plain, byte, octal, short, long, other = match.groups()
        if other is not None:
            raise TemplateFault(line, f"has `\\{other}` in a text, which Go does not know")
        if plain:
            return _PLAIN[plain].encode()
        if byte or octal:
            return bytes([int(byte, 16) if byte else int(octal, 8) & 0xFF])
        return chr(int(short or long, 16)).encode()

    made = bytearray()
    at = 0
    try:
        for match in _ESCAPE.finditer(text):
            made += text[at : match.start()].encode() + one(match)
            at = match.end()
        return (made + text[at:].encode()).decode()
    except (ValueError, OverflowError) as error:
        raise TemplateFault(line, "has a text that is not UTF-8") from error
