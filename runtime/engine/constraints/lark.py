"""Checks a Lark grammar before llguidance reads it, and the schemas and patterns inside.

Read is only as much as it takes to bound it: where strings, patterns, names and brackets are. What is
wrong otherwise llguidance says. Options that undo bounds, or that no draft could be taken
back from, are refused.

Three words are ours, for the marks that models put around their calls and thoughts:

    %mark "<tool_call>"     the special token of this text if the model has one, else the text
    %until "</think>"       any text up to the first such mark, and the mark
    %loose {"type": …}      as `%json`, but what no answer can be held to is let go instead of refused
"""

import json
from collections.abc import Callable
from typing import NoReturn

from runtime.engine.constraints import limits, loose, regex, schema
from runtime.engine.constraints.lark_size import Sizes
from runtime.engine.constraints.limits import refuse

OPTIONS = ("max_tokens", "temperature", "stop", "stop_capture")
DIRECTIVES = ("%ignore", "%import")
ANYTHING = "/(.|\\n)*/"
CLOSING = {"(": ")", "[": "]", "{": "}"}


FindSpecial = Callable[[str], int | None]
"""The special token of exactly this text."""

Widen = Callable[[schema.Schema | bool], schema.Schema | bool]
"""What to write for a schema that is loose."""


def checked(text: str, find: FindSpecial = lambda _: None, widen: Widen = lambda widened: widened) -> str:
    """Return the grammar to compile: `text` with its schemas and marks written anew. Raises: InvalidRequest."""
    limits.check_size(text, limits.TEXT_BYTES, "`grammar`")
    return _Reader(text, find, widen).checked()


class _Reader:
    def __init__(self, text: str, find: FindSpecial, widen: Widen) -> None:
        self._text = text
        self._find = find
        self._widen = widen
        self._ends: dict[str, str] = {}
        self._at = 0
        self._open: list[str] = []
        self._n_rules = 0
        self._n_alternatives = 0
        self._sizes = Sizes()

    def checked(self) -> str:
        written = []
        while self._at < len(self._text):
            written.append(self._piece())
        if self._n_rules > limits.RULES or self._n_alternatives > limits.ALTERNATIVES:
            self._refuse(f"more than {limits.RULES:,} rules or {limits.ALTERNATIVES:,} alternatives")
        self._sizes.check()
        return "".join([*written, *map(self._rule_until, self._ends)])

    def _piece(self) -> str:
        character = self._text[self._at]
        if character == "#" or self._text.startswith("//", self._at):
            return self._until_newline()
        if character == '"':
            written = self._quoted('"')
            self._sizes.item(len(written))
            return written
        if character == "/":
            return self._pattern()
        if character == "%":
            return self._directive()
        if character == "<":
            return self._token()
        if character.isalnum() or character == "_":
            return self._word()
        return self._operator(character)

    def _until_newline(self) -> str:
        end = self._text.find("\n", self._at)
        return self._take(end if end >= 0 else len(self._text))

    def _quoted(self, quote: str) -> str:
        end = self._at + 1
        while end < len(self._text) and self._text[end] not in (quote, "\n"):
            end += 2 if self._text[end] == "\\" else 1
        if self._text[end : end + 1] != quote:
            self._refuse(f"a `{quote}` without its end")
        return self._take(end + 1)

    def _pattern(self) -> str:
        written = self._quoted("/")
        self._sizes.item(regex.parse(written[1:-1], "`grammar`: the pattern").size)
        return written

    def _directive(self) -> str:
        end = self._at + 1
        while end < len(self._text) and self._text[end].isalpha():
            end += 1
        name = self._text[self._at : end]
        if name in DIRECTIVES:
            return self._take(end)
        if name not in WRITERS:
            self._refuse(f"`{limits.cut(name)}` is not supported")
        self._take(end)
        return WRITERS[name](self)

    def _json(self) -> str:
        return _written(schema.prepare(self._braces("%json"), "grammar"))

    def _loose(self) -> str:
        return _written(self._widen(loose.widened(self._braces("%loose"), "grammar")))

    def _braces(self, directive: str) -> str:
        """Take a JSON object, whose end is where its braces close."""
        start = self._text.find("{", self._at)
        if start < 0 or self._text[self._at : start].strip():
            self._refuse(f"`{directive}` without a schema in braces")
        depth, end = 0, start
        while end < len(self._text):
            character = self._text[end]
            if character == '"':
                self._at = end
                self._quoted('"')
                end = self._at
                continue
            depth += (character in "{[") - (character in "}]")
            end += 1
            if depth == 0:
                break
        self._at = end
        return self._text[start:end]

    def _mark(self) -> str:
        literal, token = self._marked("%mark")
        return literal if token is None else f"<[{token}]>"

    def _until(self) -> str:
        literal, _ = self._marked("%until")
        return self._ends.setdefault(literal, f"until_{len(self._ends)}_")

    def _rule_until(self, literal: str) -> str:
        token = self._find(json.loads(literal))
        if token is None:
            return f"\n{self._ends[literal]}[suffix={literal}]: {ANYTHING}"
        return f"\n{self._ends[literal]}: {ANYTHING} <[{token}]>"

    def _marked(self, directive: str) -> tuple[str, int | None]:
        """Take a mark; return it in quotes, and the special token that it is."""
        while self._text[self._at : self._at + 1] == " ":
            self._at += 1
        if self._text[self._at : self._at + 1] != '"':
            self._refuse(f"`{directive}` without a text in quotes")
        literal = self._quoted('"')
        self._sizes.item(len(literal))
        try:
            return literal, self._find(json.loads(literal))
        except ValueError:
            self._refuse(f"the text of `{directive}` is not written as in JSON")

    def _token(self) -> str:
        end = self._text.find(">", self._at)
        if end < 0 or "\n" in self._text[self._at : end]:
            self._refuse("a `<` without its `>`")
        return self._take(end + 1)

    def _word(self) -> str:
        end = self._at
        while end < len(self._text) and (self._text[end].isalnum() or self._text[end] in "_-"):
            end += 1
        word = self._take(end)
        if word in OPTIONS and self._text[self._at :].lstrip().startswith("="):
            self._refuse(f"the option `{word}` is not supported")
        if word.isdigit() and (len(word) > 9 or int(word) > limits.REPETITIONS):
            self._refuse(f"more than {limits.REPETITIONS:,} repetitions")
        if word.isdigit():
            self._sizes.times(int(word))
        else:
            self._sizes.name(word)
        return word

    def _operator(self, character: str) -> str:
        if character in CLOSING:
            self._open.append(CLOSING[character])
            if len(self._open) > limits.NESTING:
                self._refuse(f"more than {limits.NESTING} nested groups")
        elif character in CLOSING.values() and (not self._open or self._open.pop() != character):
            self._refuse(f"a `{character}` too many")
        elif character == "@" or self._text.startswith("::", self._at):
            self._refuse(f"`{character}` is not supported")
        if character in "()":
            self._sizes.bracket(character)
        if character == ":":
            self._sizes.define()
        self._n_rules += character == ":"
        self._n_alternatives += character == "|"
        return self._take(self._at + 1)

    def _take(self, end: int) -> str:
        taken = self._text[self._at : end]
        self._at = end
        return taken

    def _refuse(self, happened: str) -> NoReturn:
        line = self._text.count("\n", 0, self._at) + 1
        refuse(f"`grammar`: line {line}: {happened}")


WRITERS: dict[str, Callable[[_Reader], str]] = {
    "%json": _Reader._json,
    "%loose": _Reader._loose,
    "%mark": _Reader._mark,
    "%until": _Reader._until,
}


def _written(checked_schema: schema.Schema | bool) -> str:
    return "%json " + json.dumps(schema.with_options(checked_schema))
