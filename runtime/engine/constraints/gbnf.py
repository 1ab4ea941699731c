"""Reads GBNF, the grammars of llama.cpp, into a tree, within bounds.

The language is the one of its guide: literals, classes, `.`, groups, alternatives, repetitions,
rules, comments, and tokens by id or by text. Left recursion, which llama.cpp refuses, is fine here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from runtime.engine.constraints import limits
from runtime.engine.constraints.limits import refuse
from runtime.engine.constraints.regex import TOP, Characters, Ranges, inverted, united

ROOT = "root"
ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}
HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
REPETITIONS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}

FindToken: TypeAlias = Callable[[str], int | None]
"""The id of the token that is exactly this text."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A reference to the rule `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Token:
    """One token of the vocabulary, or, negated, any other."""

    id: int
    negated: bool


@dataclass(frozen=True, slots=True)
class All:
    """One after the other; empty matches nothing at all."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Any:
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Many:
    """`most` None is without end."""

    item: "Node"
    least: int
    most: int | None


Node: TypeAlias = Characters | Rule | Token | All | Any | Many


def parse(text: str, n_vocab: int, find: FindToken) -> dict[str, Node]:
    """Return the rules by name. Raises: InvalidRequest, whose text names the line."""
    limits.check_size(text, limits.TEXT_BYTES, "`grammar`")
    return _Reader(text, n_vocab, find).rules()


class _Reader:
    def __init__(self, text: str, n_vocab: int, find: FindToken) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._n_alternatives = 0
        self._n_symbols = 0
        self._n_vocab = n_vocab
        self._find = find
        self._used: dict[str, int] = {}

    def rules(self) -> dict[str, Node]:
        found: dict[str, Node] = {}
        self._skip(newlines=True)
        while self._peek():
            name = self._name()
            self._skip(newlines=False)
            if not self._text.startswith("::=", self._at):
                self._refuse(f"after the name `{name}` comes no `::=`")
            self._at += 3
            self._skip(newlines=True)
            found[name] = self._alternatives(nested=False)
            if self._peek() not in ("", "\n", "\r"):
                self._refuse(f"`{limits.cut(self._rest())}` is not expected in the rule `{name}`")
            if len(found) > limits.RULES:
                self._refuse(f"more than {limits.RULES:,} rules")
            self._skip(newlines=True)
        for name, at in self._used.items():
            if name not in found:
                self._at = at
                self._refuse(f"there is no rule `{name}`")
        if ROOT not in found:
            refuse(f"`grammar`: there is no rule `{ROOT}`, with which an answer begins")
        return found

    def _alternatives(self, nested: bool) -> Node:
        items = [self._sequence(nested)]
        while self._peek() == "|":
            self._at += 1
            self._skip(newlines=True)
            items.append(self._sequence(nested))
        self._n_alternatives += len(items)
        if self._n_alternatives > limits.ALTERNATIVES:
            self._refuse(f"more than {limits.ALTERNATIVES:,} alternatives")
        return Any(tuple(items)) if len(items) > 1 else items[0]

    def _sequence(self, nested: bool) -> Node:
        items: list[Node] = []
        while True:
            character = self._peek()
            if character and character in "*+?{":
                if not items:
                    self._refuse(f"`{character}` follows nothing that it could repeat")
                items.append(self._repeated(items.pop()))
            elif (item := self._item(character)) is not None:
                items.append(item)
            else:
                return All(tuple(items))
            self._count()
            self._skip(nested)

    def _item(self, character: str) -> Node | None:
        if character == '"':
            return self._literal()
        if character == "[":
            return self._class()
        if character == "(":
            return self._group()
        if character == ".":
            self._at += 1
            return Characters(((0, TOP),))
        if character and character in "<!":
            return self._token()
        if _is_word(character):
            at = self._at
            name = self._name()
            self._used.setdefault(name, at)
            return Rule(name)
        return None

    def _repeated(self, item: Node) -> Node:
        character = self._next()
        if character in REPETITIONS:
            return Many(item, *REPETITIONS[character])
        end = self._text.find("}", self._at)
        least, comma, most = (part.strip() for part in self._text[self._at : end].partition(","))
        if end < 0 or not _is_count(least) or (most and not _is_count(most)):
            self._refuse("a `{` without `{m}`, `{m,}` or `{m,n}`")
        self._at = end + 1
        low = int(least)
        high = int(most) if most else None if comma else low
        if max(low, high or 0) > limits.REPETITIONS:
            self._refuse(f"more than {limits.REPETITIONS:,} repetitions")
        if high is not None and high < low:
            self._refuse("a repetition whose bounds are the wrong way round")
        return Many(item, low, high)

    def _literal(self) -> Node:
        self._at += 1
        codes = []
        while self._peek() != '"':
            codes.append(self._character())
            self._count()
        self._at += 1
        return All(tuple(Characters(((code, code),)) for code in codes))

    def _class(self) -> Node:
        self._at += 1
        negated = self._peek() == "^"
        self._at += negated
        ranges: list[tuple[int, int]] = []
        while self._peek() != "]":
            low = high = self._character()
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                high = self._character()
            if high < low:
                self._refuse("a range whose ends are the wrong way round")
            ranges.append((low, high))
        self._at += 1
        found: Ranges = united(ranges)
        return Characters(inverted(found) if negated else found)

    def _group(self) -> Node:
        self._depth += 1
        if self._depth > limits.NESTING:
            self._refuse(f"more than {limits.NESTING} nested groups")
        self._at += 1
        self._skip(newlines=True)
        item = self._alternatives(nested=True)
        if self._peek() != ")":
            self._refuse("a `(` without its `)`")
        self._at += 1
        self._depth -= 1
        return item

    def _token(self) -> Node:
        negated = self._peek() == "!"
        self._at += negated
        end = self._text.find(">", self._at)
        name = self._text[self._at : end + 1]
        if end < 0 or not name.startswith("<"):
            self._refuse("a token is not written `<[id]>` or `<text>`")
        self._at = end + 1
        if name.startswith("<[") and name.endswith("]>"):
            number = name[2:-2]
            if not _is_count(number) or int(number) >= self._n_vocab:
                self._refuse(f"`{limits.cut(name)}` is not one of this model's {self._n_vocab} tokens")
            return Token(int(number), negated)
        token = self._find(name)
        if token is None:
            self._refuse(f"`{limits.cut(name)}` is not exactly one token of this model")
        return Token(token, negated)

    def _character(self) -> int:
        character = self._next()
        if character != "\\":
            return ord(character)
        escape = self._next()
        if escape in ESCAPES:
            return ord(ESCAPES[escape])
        digits = self._text[self._at : self._at + HEX_DIGITS.get(escape, 0)]
        self._at += len(digits)
        if not digits or len(digits) < HEX_DIGITS[escape] or any(d not in "0123456789abcdefABCDEF" for d in digits):
            self._refuse(f"the escape `\\{escape}` is not known")
        code = int(digits, 16)
        if code > TOP or 0xD800 <= code <= 0xDFFF:
            self._refuse(f"`\\{escape}{digits}` is no character")
        return code

    def _count(self) -> None:
        self._n_symbols += 1
        if self._n_symbols > limits.SYMBOLS:
            self._refuse(f"more than {limits.SYMBOLS:,} characters and names")

    def _name(self) -> str:
        start = self._at
        while _is_word(self._peek()):
            self._at += 1
        if start == self._at:
            self._refuse(f"a rule's name is expected, not `{limits.cut(self._rest())}`")
        return self._text[start : self._at]

    def _skip(self, newlines: bool) -> None:
        while (character := self._peek()) and (character in " \t#" or (newlines and character in "\r\n")):
            if character == "#":
                while self._peek() not in ("", "\r", "\n"):
                    self._at += 1
            else:
                self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        if not character:
            self._refuse("it ends in the middle of a literal or a class")
        self._at += 1
        return character

    def _rest(self) -> str:
        return self._text[self._at : self._at + 200].partition("\n")[0]

    def _refuse(self, happened: str) -> NoReturn:
        line = self._text.count("\n", 0, self._at) + 1
        refuse(f"`grammar`: line {line}: {happened}")


def _is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character in ("-", "_"))


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9
