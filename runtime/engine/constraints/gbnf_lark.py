"""Writes a GBNF grammar as llguidance's Lark, matching exactly the same answers.

Names of rules say nothing to llguidance, so they are numbered: `r0` is a rule, `T0` a lexeme.
"""

import json

from runtime.engine.constraints import gbnf
from runtime.engine.constraints.gbnf import All, Any, FindToken, Many, Node, Rule, Token
from runtime.engine.constraints.lexemes import Lexemes
from runtime.engine.constraints.limits import refuse
from runtime.engine.constraints.regex import Characters

NOTHING = '""'
LARK_BYTES = 256 << 10


def translate(text: str, n_vocab: int, find: FindToken) -> str:
    """Return the Lark grammar for GBNF `text`. Raises: InvalidRequest."""
    return _Writer(Lexemes(gbnf.parse(text, n_vocab, find))).lark()


class _Writer:
    def __init__(self, lexemes: Lexemes) -> None:
        self._lexemes = lexemes
        self._lines: list[str] = []
        self._n_bytes = 0
        self._rules: dict[str, str] = {}
        self._terminals: dict[Node, str] = {}
        self._waiting: list[tuple[str, Node]] = []

    def lark(self) -> str:
        self._add(f"start: {self._rule(self._lexemes.rules[gbnf.ROOT])}")
        while self._waiting:
            name, node = self._waiting.pop()
            self._add(f"{name}: {self._terminal(node) if name.startswith('T') else self._rule(node)}")
        return "\n".join(self._lines)

    def _rule(self, node: Node) -> str:
        """Write `node` inside a rule, where each part may become a lexeme of its own."""
        if node == All(()):
            return NOTHING
        if self._lexemes.whole(node):
            body = self._lexemes.rules[node.name] if isinstance(node, Rule) else node
            return self._named(self._terminals, node, "T", body)
        if isinstance(node, Rule):
            return self._named(self._rules, node.name, "r", self._lexemes.rules[node.name])
        if isinstance(node, Token):
            return f"<[{'^' if node.negated else ''}{node.id}]>"
        if isinstance(node, Many):
            return _many(self._rule(node.item), node)
        if isinstance(node, Any):
            return _any([self._rule(item) for item in node.items])
        items = self._lexemes.runs(node.items) if isinstance(node, All) else []
        return _all([self._rule(item) for item in items])

    def _terminal(self, node: Node) -> str:
        """Write `node` inside a lexeme."""
        if isinstance(node, Characters):
            return _characters(node)
        if isinstance(node, Rule):
            return self._named(self._terminals, node, "T", self._lexemes.rules[node.name])
        if isinstance(node, Many):
            return _many(self._terminal(node.item), node)
        if isinstance(node, Any):
            return _any([self._terminal(item) for item in node.items])
        return _all(self._with_literals(node.items) if isinstance(node, All) else [])

    def _with_literals(self, items: tuple[Node, ...]) -> list[str]:
        written, literal = [], ""
        for item in [*items, All(())]:
            if isinstance(item, Characters) and item.ranges and len(item.ranges) == 1 and len({*item.ranges[0]}) == 1:
                literal += chr(item.ranges[0][0])
                continue
            if literal:
                written.append(json.dumps(literal, ensure_ascii=False))
                literal = ""
            if item != All(()):
                written.append(self._terminal(item))
        return written

    def _named(self, names: dict, key: object, letter: str, node: Node) -> str:  # type: ignore[type-arg]
        if key not in names:
            names[key] = f"{letter}{len(names)}"
            self._waiting.append((names[key], node))
        name: str = names[key]
        return name

    def _add(self, line: str) -> None:
        self._n_bytes += len(line.encode())
        if self._n_bytes > LARK_BYTES:
            refuse(f"`grammar` takes more than {LARK_BYTES:,} bytes once translated; make it shorter")
        self._lines.append(line)


def _many(item: str, node: Many) -> str:
    if node.most == 0:
        return NOTHING
    least, most = node.least, node.most
    bounds = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((least, most))
    return f"({item}){bounds or f'{{{least},{most if most is not None else str()}}}'}"


def _any(items: list[str]) -> str:
    return f"({' | '.join(items)})"


def _all(items: list[str]) -> str:
    return f"({' '.join(items)})" if items else NOTHING


def _characters(node: Characters) -> str:
    if not node.ranges:
        refuse("`grammar`: a class without a character matches nothing")
    parts = [f"\\x{{{low:X}}}" if low == high else f"\\x{{{low:X}}}-\\x{{{high:X}}}" for low, high in node.ranges]
    return f"/[{''.join(parts)}]/"
