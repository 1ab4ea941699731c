"""A Jinja sandbox that bounds work as well as reach.

Covered: loops, macros and calls (a second of processor time, looked at whenever one turns
or begins), and every operation whose result can outgrow what went in: ranges, the
operators, the filters and methods left here, the output. Filters and methods that chat
templates have no use for are not there. Not covered: what one single allowed operation
costs, such as a sort; the sizes below keep it to seconds and 300 MB.

Does not know: chat.
"""

import functools
import re
import time
from collections.abc import Callable, Iterator
from types import GeneratorType
from typing import Any

from jinja2 import Template, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

MAX_WORK_S = 1.0
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

FILTERS = frozenset(
    "abs attr capitalize count d default dictsort e escape first float format groupby indent int items join last "
    "length list lower map max min reject rejectattr replace reverse round safe select selectattr sort string sum "
    "title tojson trim unique upper".split()
)
METHODS_LEFT_OUT = frozenset({"expandtabs", "translate", "maketrans"})
LIST_METHODS = frozenset({"append", "pop"})
"""Kimi K2 keeps a queue in a list. Templates get copies, so nothing of a request is changed."""


class TooMuchWork(Exception):
    """A bound was passed; the text says which."""


class GenerationTag(Extension):
    """`{% generation %}…{% endgeneration %}`: marks the answer in training data; here it is just its body."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox with its bounds; `run` renders within them. `filters` are further ones."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self, filters: dict[str, Callable[..., Any]]) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, GenerationTag], finalize=_checked
        )
        self._deadline_s = 0.0
        self.globals["range"] = _bounded_range
        del self.globals["lipsum"]
        all_filters = {**self.filters, **filters}
        self.filters = {name: _bounded(all_filters[name]) for name in FILTERS}

    def run(self, template: Template, values: dict[str, object]) -> str:
        """Return the output. Raises: TooMuchWork, TemplateError, and what the template's code raises."""
        self._deadline_s = time.thread_time() + MAX_WORK_S
        pieces: list[str] = []
        size = 0
        for piece in template.generate(values):
            size += len(piece)
            if size > MAX_SIZE:
                raise TooMuchWork(f"its output is longer than {MAX_SIZE} characters")
            pieces.append(piece)
        return "".join(pieces)

    def tick(self) -> None:
        """Called at every turn of a loop and at every call."""
        if time.thread_time() > self._deadline_s:
            raise TooMuchWork(f"it runs for more than {MAX_WORK_S:g} s")

    def joined(self, *values: object) -> str:
        """The operator `~`."""
        _check_size(sum(map(_size, values)))
        return "".join(map(str, values))

    def checked(self, value: Any) -> Any:
        """A list, a tuple or a dict that the template writes down."""
        return _checked(value)

    def call(self, context: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(function, "__self__", None) is self:  # what _AddChecks put there
            return function(*args)
        self.tick()
        method = getattr(function, "__wrapped__", function)  # the sandbox wraps `format`
        named = [value for name, value in kwargs.items() if name not in ("_loop_vars", "_block_vars")]
        _check_call(method, getattr(method, "__self__", None), [*args, *named])
        return _checked(super().call(context, function, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _check_operation(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, owner: Any, attribute: str, value: Any) -> bool:
        if type(owner) is list and attribute in LIST_METHODS:
            return True
        return attribute not in METHODS_LEFT_OUT and super().is_safe_attribute(owner, attribute, value)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _AddChecks().visit(tree)
        return tree


class _AddChecks(NodeTransformer):
    """Rewrites a tree: each turn of a loop begins with `tick`, each `~` calls `joined`, each list `checked`."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.body.insert(0, nodes.ExprStmt(_method("tick", [], node.lineno), lineno=node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:
        self.generic_visit(node)
        return _method("joined", list(node.nodes), node.lineno)

    def visit_List(self, node: nodes.List) -> nodes.Call:
        self.generic_visit(node)
        return _method("checked", [node], node.lineno)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:
        self.generic_visit(node)
        return _method("checked", [node], node.lineno) if node.ctx == "load" else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Call:
        self.generic_visit(node)
        return _method("checked", [node], node.lineno)


def _method(name: str, arguments: list[nodes.Expr], lineno: int) -> nodes.Call:
    function = nodes.EnvironmentAttribute(name, lineno=lineno)
    return nodes.Call(function, arguments, [], None, None, lineno=lineno)


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        subject, *others = args[1:] if hasattr(function, "jinja_pass_arg") else args
        _check_call(function, subject, [*others, *kwargs.values()])
        result = _checked(function(*args, **kwargs))
        return _counted(result) if isinstance(result, GeneratorType) else result

    return checked


def _bounded_range(*args: int) -> range:
    numbers = range(*args)
    if max(map(abs, (numbers.start, numbers.stop, numbers.step))) > MAX_ARGUMENT:
        raise TooMuchWork(f"it counts beyond {MAX_ARGUMENT}")
    return numbers


def _counted(items: Iterator[Any]) -> Iterator[Any]:
    """Pass items on, as many as a list of them could hold."""
    size = 0
    for item in items:
        size += max(ITEM_SIZE, _size(item))
        _check_size(size)
        yield item


def _check_call(function: Any, subject: Any, arguments: list[Any]) -> None:
    """Refuse a call that would make much out of little; `subject`: the object of a method, the value of a filter."""
    name = getattr(function, "__name__", "").removeprefix("sync_").removeprefix("do_")
    if name in AT_ONCE:
        return
    values = [subject, *arguments]
    _check_size(sum(map(_size, values)))
    keeps = name in KEEP_NUMBERS or isinstance(function, Macro) or function is Namespace
    if not keeps and any(isinstance(value, int) and abs(value) > MAX_ARGUMENT for value in arguments):
        raise TooMuchWork(f"it uses a number above {MAX_ARGUMENT}")
    texts = [value for value in values if isinstance(value, str)]
    if name == "replace" and len(texts) == 3:
        _check_size(texts[0].count(texts[1]) * len(texts[2]))
    elif name == "join":
        _check_size(_n_items(values, texts) * min(map(len, texts), default=0))
    elif name == "indent" and texts:
        widths = [value for value in values if isinstance(value, int)] + [len(text) for text in texts[1:]]
        _check_size((texts[0].count("\n") + 1) * max(widths, default=0))
    elif name in ("format", "format_map") and texts and WIDE.search(texts[0]):
        raise TooMuchWork("it formats with a huge width")


def _n_items(values: list[Any], texts: list[str]) -> int:
    """Return how many items a join has: of a list, of a text, or at most of what cannot be counted."""
    lengths = [len(value) for value in values if isinstance(value, list | tuple | dict)]
    if not lengths and len(texts) > 1:
        lengths = [len(text) for text in texts]
    return max(lengths, default=MAX_ARGUMENT)


def _check_operation(operator: str, left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * (abs(right) if operator == "**" else 1) + right.bit_length()
        if bits > MAX_BITS:
            raise TooMuchWork("it computes with huge numbers")
    elif operator == "+":
        _check_size(_size(left) + _size(right))
    elif operator == "*":
        _check_size(_size(left) * right if isinstance(right, int) else _size(right) * left)
    elif operator == "%" and isinstance(left, str):
        _check_size(len(left) + _size(right))
        if WIDE.search(left):
            raise TooMuchWork("it formats with a huge width")


def _checked(value: Any) -> Any:
    if not isinstance(value, str) or len(value) > MAX_SIZE:
        _check_size(_size(value))
    return value


def _check_size(size: int) -> None:
    if size > MAX_SIZE:
        raise TooMuchWork(f"it makes a value of more than {MAX_SIZE} characters")


def _size(value: Any) -> int:
    """Return about how long `value` is as text; stops counting when it is too much."""
    if isinstance(value, str | bytes | range):
        return len(value)
    if isinstance(value, dict):
        return _size([*value.keys(), *value.values()])
    if not isinstance(value, list | tuple):
        return 1
    total = 0
    for item in value:
        total += max(ITEM_SIZE, _size(item))
        if total > MAX_SIZE:
            break
    return total
