"""Translates a chat template of Ollama, in Go's text/template, into Jinja that writes the same prompt.

A template with `.Messages` is run once. An older one, with `.System`, `.Prompt` and `.Response`, is run for each
turn, and the last time only up to the response. Values of Go are Jinja's; variables are attributes of one
namespace, because Jinja forgets what a loop sets. What is around it is go_prelude.py.
"""

from collections.abc import Callable, Iterator, Sequence

from bundler.recipe import go_prelude
from bundler.recipe.go_calls import called, quoted
from bundler.recipe.go_fault import TemplateFault
from bundler.recipe.go_lexer import Text
from bundler.recipe.go_parser import (
    Branch,
    Field,
    Function,
    Jump,
    Literal,
    Nested,
    Node,
    Nodes,
    Operand,
    Pipe,
    Shown,
    Variable,
    parse,
)

KEYS = {
    "System": "system",
    "Prompt": "prompt",
    "Response": "response",
    "Suffix": "suffix",
    "Messages": "messages",
    "Tools": "tools",
    "Think": "think",
    "IsThinkSet": "is_think_set",
    "ThinkLevel": "think_level",
    "Role": "role",
    "Content": "content",
    "Thinking": "thinking",
    "Images": "images",
    "ToolCalls": "tool_calls",
    "ToolName": "tool_name",
    "ToolCallID": "tool_call_id",
    "Function": "function",
    "Name": "name",
    "Arguments": "arguments",
    "Index": "index",
    "ID": "id",
    "Type": "type",
    "Description": "description",
    "Parameters": "parameters",
    "Properties": "properties",
    "Required": "required",
    "Items": "items",
    "Enum": "enum",
}
"""Fields of Ollama's values, and the keys of those that the prelude makes; others are keys of arguments."""

METHODS = frozenset({"String", "ToTypeScriptType"})
TEXTS = frozenset({"Role", "Content", "System"})
"""Fields that the prelude makes texts in any case."""

OLD_TEXTS = TEXTS | {"Prompt", "Response"}
RESPONSE = Shown(Pipe(((Field(("Response",)),),), (), False, 1))


def to_jinja(source: str) -> str:
    """The same template in Jinja. Raises: TemplateFault with what cannot be translated."""
    nodes = parse(source)
    names = {name.lower() for name in _names(nodes)}
    if "messages" in names:
        return go_prelude.MACROS + go_prelude.MESSAGES + _Writing(TEXTS).nodes(nodes) + "\n"
    if "response" not in names:
        nodes = (*nodes, RESPONSE)
    writing = _Writing(OLD_TEXTS)
    turn = writing.nodes(nodes)
    last = writing.nodes(_cut(nodes)[0])
    return go_prelude.MACROS + go_prelude.TURNS.format(turn=turn, last=last)


def _names(nodes: Nodes) -> Iterator[str]:
    """The names of all fields that are looked at."""
    for node in nodes:
        if isinstance(node, Shown | Branch):
            yield from _names_in(node.pipe)
        if isinstance(node, Branch):
            yield from _names(node.body)
            yield from _names(node.otherwise)


def _names_in(pipe: Pipe) -> Iterator[str]:
    for command in pipe.commands:
        for operand in command:
            if isinstance(operand, Field | Variable):
                yield from operand.names
            elif isinstance(operand, Nested):
                yield from _names_in(operand.pipe)
                yield from operand.names


def _cut(nodes: Nodes) -> tuple[Nodes, bool]:
    """What stands before the response, with it; and whether it is there: what a condition asks does not count."""
    kept: list[Node] = []
    for node in nodes:
        if isinstance(node, Branch):
            body, is_cut = _cut(node.body)
            otherwise, is_cut_later = ((), True) if is_cut else _cut(node.otherwise)
            kept.append(node._replace(body=body, otherwise=otherwise))
            if is_cut or is_cut_later:
                return tuple(kept), True
            continue
        kept.append(node)
        if isinstance(node, Shown) and _shows_response(node.pipe):
            return tuple(kept), True
    return tuple(kept), False


def _shows_response(pipe: Pipe) -> bool:
    return any(
        (isinstance(operand, Field) and "Response" in operand.names)
        or (isinstance(operand, Nested) and _shows_response(operand.pipe))
        for command in pipe.commands
        for operand in command
    )


class _Writing:
    """Writes nodes as Jinja; `self._dot` is what `.` means there, and `self._scopes` which variables there are."""

    def __init__(self, texts: frozenset[str]) -> None:
        self._texts = texts
        self._dot = go_prelude.ROOT
        self._scopes: list[dict[str, str]] = []
        self._count = 0

    def nodes(self, nodes: Nodes) -> str:
        return self._inside(go_prelude.ROOT, nodes)

    def _inside(self, dot: str, nodes: Nodes, variables: Sequence[tuple[str, str]] = ()) -> str:
        before, self._dot = self._dot, dot
        self._scopes.append(dict(variables))
        made = "\n".join(filter(None, map(self._node, nodes)))
        self._scopes.pop()
        self._dot = before
        return made

    def _node(self, node: Node) -> str:
        if isinstance(node, Text):
            return f"{{{{- {quoted(node.text)} -}}}}"
        if isinstance(node, Jump):
            return f"{{%- {node.word} -%}}"
        if isinstance(node, Shown):
            return self._shown(node.pipe)
        write: dict[str, Callable[[Branch], str]] = {"if": self._if, "with": self._with, "range": self._range}
        return write[node.word](node)

    def _shown(self, pipe: Pipe) -> str:
        value = self._value(pipe)
        if pipe.variables:
            return _set(self._slot(pipe), value)
        operand = pipe.commands[0][0]
        names = operand.names if len(pipe.commands) == 1 and isinstance(operand, Field | Variable) else ()
        if self._texts.intersection(names[-1:]):
            return f"{{{{- {value} -}}}}"
        return f"{{{{- {go_prelude.TEXT}({value}) -}}}}"

    def _if(self, branch: Branch) -> str:
        return self._condition(branch, self._dot, self._value(branch.pipe), "")

    def _with(self, branch: Branch) -> str:
        dot = self._new("w")
        return self._condition(branch, dot, dot, _set(dot, self._value(branch.pipe)) + "\n")

    def _condition(self, branch: Branch, dot: str, value: str, before: str) -> str:
        variables = []
        if branch.pipe.variables:
            slot = self._new("x") if branch.pipe.declares else self._slot(branch.pipe)
            variables = [(branch.pipe.variables[0], slot)]
            before += _set(slot, value) + "\n"
            value = slot
        lines = [f"{before}{{%- if {value} -%}}", self._inside(dot, branch.body, variables)]
        if branch.otherwise:
            lines += ["{%- else -%}", self._inside(self._dot, branch.otherwise, variables)]
        return "\n".join(filter(None, [*lines, "{%- endif -%}"]))

    def _range(self, branch: Branch) -> str:
        """Over a list, a number or a mapping, whose keys Go sorts."""
        values, key, item = self._new("r"), self._new("k"), self._new("d")
        one = f"one{self._count}"
        names = branch.pipe.variables
        declared = list(zip(names, [item] if len(names) == 1 else [key, item], strict=False))
        assigned = []
        if names and not branch.pipe.declares:
            assigned = [_set(self._slot(branch.pipe), item)]
            declared = []
        every = f"({values}|dictsort(true) if {values} is mapping else range({values}) if {values} is number"
        lines = [
            _set(values, self._value(branch.pipe)),
            f"{{%- for {one} in {every} else {values} or []) -%}}",
            _set(key, f"{one}[0] if {values} is mapping else loop.index0"),
            _set(item, f"{one}[1] if {values} is mapping else {one}"),
            *assigned,
            self._inside(item, branch.body, declared),
        ]
        if branch.otherwise:
            lines += ["{%- else -%}", self._inside(self._dot, branch.otherwise)]
        return "\n".join(filter(None, [*lines, "{%- endfor -%}"]))

    def _slot(self, pipe: Pipe) -> str:
        """Where the variable lies that the pipe sets."""
        name = pipe.variables[0]
        if pipe.declares:
            self._scopes[-1][name] = self._new("x")
        return self._variable(name, pipe.line)

    def _variable(self, name: str, line: int) -> str:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        raise TemplateFault(line, f"has the variable `{name[:40]}`, which nothing sets before")

    def _new(self, letter: str) -> str:
        self._count += 1
        return f"{go_prelude.PLACE}.{letter}{self._count}"

    def _value(self, pipe: Pipe) -> str:
        value: str | None = None
        for command in pipe.commands:
            value = self._command(command, value, pipe.line)
        return value or "none"

    def _command(self, command: tuple[Operand, ...], piped: str | None, line: int) -> str:
        first, *others = command
        given = [self._operand(operand, line) for operand in others] + ([] if piped is None else [piped])
        if isinstance(first, Function):
            return called(first.name, given, line)
        if given:
            raise TemplateFault(line, "gives something to what takes nothing: only functions take values")
        return self._operand(first, line)

    def _operand(self, operand: Operand, line: int) -> str:
        match operand:
            case Literal(value):
                return quoted(value) if isinstance(value, str) else _constant(value)
            case Field(names):
                return _field(self._dot, names, line)
            case Variable("$", names):
                return _field(go_prelude.ROOT, names, line)
            case Variable(name, names):
                return _field(self._variable(name, line), names, line)
            case Nested(pipe, names):
                if pipe.variables:
                    raise TemplateFault(line, "sets a variable within brackets")
                return _field(self._value(pipe), names, line)
            case Function(name):
                return called(name, [], line)


def _field(value: str, names: Sequence[str], line: int) -> str:
    for name in names:
        if name in METHODS:
            raise TemplateFault(line, f"calls `.{name}`, which is code of Ollama's own and cannot be translated")
        value += f".get({quoted(KEYS.get(name, name))})"
    return value


def _constant(value: float | bool | None) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else f"({value!r})"


def _set(slot: str, value: str) -> str:
    return f"{{%- set {slot} = {value} -%}}"
