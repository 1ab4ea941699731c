"""A Jinja sandbox that bounds work as well as reach.

Covered: loops and macros (a second of processor time, checked at every turn of every
loop), ranges, growing texts by `+`, `~`, `*`, `%`, `**`, by filters and by methods, the
size of the output. Not covered: one single call whose cost grows with the square of its
input, such as sorting a long list by a long attribute; the sizes above keep it in seconds.

Does not know: chat.
"""

import functools
import re
import time
from collections.abc import Callable
from typing import Any

from jinja2 import Template, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_WORK_S = 1.0
MAX_SIZE = 1 << 24
"""Of a text (characters), a list (items), or the whole output."""

MAX_NUMBER = 1 << 53
MAX_ARGUMENT = 100_000
"""Of a whole number given to a filter or a function: a width, a count, an indent."""

GROWS = ("*", "**", "%", "+")
LARGE_WIDTH = re.compile(r"%[^a-zA-Z%]*(?:\d{5}|\*)")


class TooMuchWork(Exception):
    """A bound was passed; the text says which."""


class GenerationTag(Extension):
    """`{% generation %}…{% endgeneration %}`: marks the answer in training data; here it is just its body."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox with its bounds; `run` renders within them."""

    intercepted_binops = frozenset(GROWS)

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, GenerationTag])
        self._deadline_s = 0.0
        self.globals["range"] = _bounded_range
        del self.globals["lipsum"]
        for name, function in self.filters.items():
            self.filters[name] = _bounded(function)

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

    def tick(self) -> str:
        """Called at every turn of a loop."""
        if time.thread_time() > self._deadline_s:
            raise TooMuchWork(f"it runs for more than {MAX_WORK_S:g} s")
        return ""

    def concat(self, *values: object) -> str:
        """The operator `~`."""
        texts = [str(value) for value in values]
        _check_size(sum(map(len, texts)))
        return "".join(texts)

    def call(self, context: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        self.tick()
        _check_arguments(function, args, kwargs)
        return _checked(super().call(context, function, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _check_growth(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, owner: Any, attribute: str, value: Any) -> bool:
        return attribute != "tick" and super().is_safe_attribute(owner, attribute, value)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        checked = _AddChecks().visit(tree)
        return checked if isinstance(checked, nodes.Template) else tree


class _AddChecks(NodeTransformer):
    """Rewrites a template's tree: each loop begins its turns with `tick`, each `~` calls `concat`."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        call = _call("tick", [], node.lineno)
        node.body.insert(0, nodes.ExprStmt(call, lineno=node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:
        self.generic_visit(node)
        return _call("concat", list(node.nodes), node.lineno)


def _call(method: str, arguments: list[nodes.Expr], lineno: int) -> nodes.Call:
    function = nodes.EnvironmentAttribute(method, lineno=lineno)
    return nodes.Call(function, arguments, [], None, None, lineno=lineno)


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        _check_arguments(function, args, kwargs)
        return _checked(function(*args, **kwargs))

    return checked


def _bounded_range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > MAX_ARGUMENT:
        raise TooMuchWork(f"it counts to {len(numbers)}")
    return numbers


def _check_arguments(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse what makes the result of one call huge: a large count, or a long text put in many places."""
    values = [*args, *kwargs.values()]
    if any(isinstance(value, int) and abs(value) > MAX_ARGUMENT for value in values):
        raise TooMuchWork(f"a call has an argument above {MAX_ARGUMENT}")
    owner = getattr(function, "__self__", None)
    texts = [value for value in (owner, *values) if isinstance(value, str)]
    if getattr(function, "__name__", "") in ("replace", "do_replace", "join", "do_join", "sync_do_join"):
        places = max(map(_length, (owner, *values)), default=0)
        inserted = max((len(text) for text in texts[-1:]), default=0)
        _check_size(places * max(1, inserted))
    if any("%" in text and LARGE_WIDTH.search(text) for text in texts):
        raise TooMuchWork("it formats with a huge width")


def _check_growth(operator: str, left: Any, right: Any) -> None:
    if operator == "+":
        _check_size(_length(left) + _length(right))
    elif operator == "*":
        _check_size(max(_length(left) * _count(right), _length(right) * _count(left)))
        _check_number(left, right)
    elif operator == "**":
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > 1024:
            raise TooMuchWork("it computes with huge numbers")
    elif isinstance(left, str) and LARGE_WIDTH.search(left):
        raise TooMuchWork("it formats with a huge width")


def _check_number(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int) and abs(left * right) > MAX_NUMBER**2:
        raise TooMuchWork("it computes with huge numbers")


def _checked(value: Any) -> Any:
    _check_size(_length(value))
    return value


def _check_size(size: int) -> None:
    if size > MAX_SIZE:
        raise TooMuchWork(f"it makes a value of {size} items or characters")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple | dict | bytes) else 0


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
