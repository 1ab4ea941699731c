"""Reads the pieces of a Go template as a tree of what it does.

Named templates (`define`, `template`, `block`) are refused: the templates of models have none.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from bundler.recipe.go_fault import TemplateFault
from bundler.recipe.go_lexer import Action, Text, Token, cut

MAX_DEPTH = 60
MAX_ACTIONS = 10_000
MAX_RANGES = 15
"""Python, which Jinja becomes, takes 20 loops within each other."""
KEYWORDS = frozenset("if with range else end break continue define template block".split())


class Field(NamedTuple):
    """`.A.B`, of the dot; no names: the dot itself."""

    names: tuple[str, ...]


class Variable(NamedTuple):
    """`$x.A.B`; `$` alone is what the template was given."""

    name: str
    names: tuple[str, ...]


class Literal(NamedTuple):
    value: str | int | float | bool | None


class Function(NamedTuple):
    name: str


class Nested(NamedTuple):
    """`(…).A.B`."""

    pipe: "Pipe"
    names: tuple[str, ...]


Operand: TypeAlias = Field | Variable | Literal | Function | Nested


class Pipe(NamedTuple):
    """Commands, each of which gets the value of the one before; the value goes to `variables`, if there are any."""

    commands: tuple[tuple[Operand, ...], ...]
    variables: tuple[str, ...]
    declares: bool
    line: int


class Shown(NamedTuple):
    """An action that writes a value, or sets a variable."""

    pipe: Pipe


class Branch(NamedTuple):
    """`if`, `with` or `range`."""

    word: str
    pipe: Pipe
    body: "Nodes"
    otherwise: "Nodes"


class Jump(NamedTuple):
    """`break` or `continue`."""

    word: str


Node: TypeAlias = Text | Shown | Branch | Jump
Nodes: TypeAlias = tuple[Node, ...]


def parse(source: str) -> Nodes:
    """The tree of the template. Raises: TemplateFault."""
    pieces = cut(source)
    if len(pieces) > 2 * MAX_ACTIONS:
        raise TemplateFault(1, f"has more than {MAX_ACTIONS:,} actions")
    reading = _Blocks(pieces)
    nodes, end = reading.block(0, ranges=0)
    if end is not None:
        raise TemplateFault(end.line, f"has an `{end.tokens[0].value}` that nothing begins")
    return nodes


class _Blocks:
    def __init__(self, pieces: list[Text | Action]) -> None:
        self._rest = pieces[::-1]

    def block(self, depth: int, ranges: int) -> tuple[Nodes, Action | None]:
        """Nodes up to the `else` or `end` that is returned with them; None: up to the end of the template."""
        nodes: list[Node] = []
        while self._rest:
            piece = self._rest.pop()
            if isinstance(piece, Text):
                nodes.append(piece)
                continue
            word = _keyword(piece)
            if word in ("else", "end"):
                return tuple(nodes), piece
            nodes.append(self._node(piece, word, depth, ranges))
        return tuple(nodes), None

    def _node(self, action: Action, word: str, depth: int, ranges: int) -> Node:
        if word in ("if", "with", "range"):
            return self._branch(action, word, action.tokens[1:], depth + 1, ranges)
        if word in ("break", "continue"):
            if not ranges or len(action.tokens) > 1:
                raise TemplateFault(action.line, f"has a `{word}` outside of a range")
            return Jump(word)
        if word:
            raise TemplateFault(action.line, f"has a named template (`{word}`), which cannot be translated")
        return Shown(_Pipes(action.tokens, action.line).whole())

    def _branch(self, action: Action, word: str, tokens: tuple[Token, ...], depth: int, ranges: int) -> Branch:
        if depth > MAX_DEPTH:
            raise TemplateFault(action.line, f"has more than {MAX_DEPTH} blocks within each other")
        pipe = _Pipes(tokens, action.line).whole(2 if word == "range" else 1)
        inside = ranges + (word == "range")
        if inside > MAX_RANGES:
            raise TemplateFault(action.line, f"has more than {MAX_RANGES} ranges within each other")
        body, end = self.block(depth, inside)
        otherwise: Nodes = ()
        if end and _keyword(end) == "else":
            rest = end.tokens[1:]
            if rest:
                again = str(rest[0].value)
                if again not in ("if", "with") or word == "range":
                    raise TemplateFault(end.line, f"has `else {again[:20]}`, which Go does not know")
                return Branch(word, pipe, body, (self._branch(end, again, rest[1:], depth + 1, ranges),))
            otherwise, end = self.block(depth, ranges)
        if end is None:
            raise TemplateFault(action.line, f"has an `{word}` that does not end; add {{{{ end }}}}")
        if _keyword(end) != "end" or len(end.tokens) > 1:
            raise TemplateFault(end.line, "has an `else` where an `end` has to stand")
        return Branch(word, pipe, body, otherwise)


def _keyword(action: Action) -> str:
    if not action.tokens:
        raise TemplateFault(action.line, "has an action with nothing in it")
    first = action.tokens[0]
    return str(first.value) if first.kind == "word" and first.value in KEYWORDS else ""


class _Pipes:
    """Reads the tokens of one action."""

    def __init__(self, tokens: tuple[Token, ...], line: int) -> None:
        self._rest = list(tokens[::-1])
        self._line = line

    def whole(self, variables: int = 1) -> Pipe:
        """All of it; variables: how many may be set. Raises: TemplateFault."""
        names = list(self._names())
        declares = bool(names) and self._rest.pop().value == ":="
        if len(names) > variables or (len(names) == 2 and not declares):
            raise self._fault(f"sets {len(names)} variables at once")
        pipe = self._pipe(0)
        if self._rest:
            raise self._fault(f"has `{self._rest[-1].value}` where an action has to end")
        return pipe._replace(variables=tuple(names), declares=declares)

    def _names(self) -> Iterator[str]:
        """Variables before `:=` or `=`; none, if there is no such sign."""
        signs = [token.value for token in self._rest if token.kind == "sign"]
        if ":=" not in signs and "=" not in signs:
            return
        while True:
            token = self._rest.pop() if self._rest else None
            if token is None or token.kind != "variable" or token.value == "$":
                raise self._fault("sets something else than a variable")
            yield str(token.value)
            if not self._rest or self._rest[-1].value not in (",", ":=", "="):
                raise self._fault("sets something else than a variable")
            if self._rest[-1].value != ",":
                return
            self._rest.pop()

    def _pipe(self, depth: int) -> Pipe:
        if depth > MAX_DEPTH:
            raise self._fault(f"has more than {MAX_DEPTH} brackets within each other")
        commands = [self._command(depth)]
        while self._next("|"):
            commands.append(self._command(depth))
        return Pipe(tuple(commands), (), False, self._line)

    def _command(self, depth: int) -> tuple[Operand, ...]:
        operands: list[Operand] = []
        while self._rest and not (self._rest[-1].kind == "sign" and self._rest[-1].value in ("|", ")", ",", "=", ":=")):
            if operands and not self._rest[-1].apart and self._rest[-1].value != "(":
                raise self._fault(f"has `{self._rest[-1].value}` right behind something else")
            operands.append(self._operand(depth))
        if not operands:
            raise self._fault("has an action with a value missing")
        return tuple(operands)

    def _operand(self, depth: int) -> Operand:
        token = self._rest.pop()
        match token.kind:
            case "text" | "value":
                return Literal(token.value)
            case "field":
                return Field((str(token.value), *self._fields()))
            case "variable":
                return Variable(str(token.value), self._fields())
            case "word":
                return self._word(str(token.value))
        if token.value == "(":
            pipe = self._pipe(depth + 1)
            if not self._next(")"):
                raise self._fault("has a bracket that does not close")
            return Nested(pipe, self._fields())
        return Field(())

    def _word(self, name: str) -> Operand:
        if name in KEYWORDS:
            raise self._fault(f"has `{name}` where a value has to stand")
        constants = {"true": True, "false": False, "nil": None}
        return Literal(constants[name]) if name in constants else Function(name)

    def _fields(self) -> tuple[str, ...]:
        """Names that follow without a space."""
        names = []
        while self._rest and self._rest[-1].kind == "field" and not self._rest[-1].apart:
            names.append(str(self._rest.pop().value))
        return tuple(names)

    def _next(self, sign: str) -> bool:
        if self._rest and self._rest[-1].kind == "sign" and self._rest[-1].value == sign:
            self._rest.pop()
            return True
        return False

    def _fault(self, reason: str) -> TemplateFault:
        return TemplateFault(self._line, reason)
