"""A Jinja sandbox that bounds work as well as reach.

Covered: loops, macros and calls (a second of processor time, looked at whenever one turns
or begins), and every operation whose result can outgrow what went in: ranges, the
operators, the filters and methods left here, the output. Filters and methods that chat
templates have no use for are not there. Not covered: what one single allowed operation
costs, such as a sort; the sizes of template_sizes.py keep it to seconds and 300 MB.

Does not know: chat.
"""

import functools
import time
from collections.abc import Callable
from types import GeneratorType
from typing import Any

from jinja2 import Template, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from runtime.engine.template_sizes import (
    MAX_SIZE,
    TooMuchWork,
    bounded_range,
    check_call,
    check_operation,
    check_size,
    checked,
    counted,
    size_of,
)

MAX_WORK_S = 1.0

FILTERS = frozenset(
    "abs attr capitalize count d default dictsort e escape first float format groupby indent int items join last "
    "length list lower map max min reject rejectattr replace reverse round safe select selectattr sort string sum "
    "title tojson trim unique upper".split()
)
METHODS_LEFT_OUT = frozenset({"expandtabs", "translate", "maketrans"})

LIST_METHODS = frozenset({"append", "pop"})
"""Kimi K2 keeps a queue in a list. Templates get copies, so nothing of a request is changed."""


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
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, GenerationTag], finalize=checked
        )
        self._deadline_s = 0.0
        self.globals["range"] = bounded_range
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
        check_size(sum(map(size_of, values)))
        return "".join(map(str, values))

    def checked(self, value: Any) -> Any:
        """A list, a tuple or a dict that the template writes down."""
        return checked(value)

    def call(self, context: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(function, "__self__", None) is self:  # what _AddChecks put there
            return function(*args)
        self.tick()
        method = getattr(function, "__wrapped__", function)  # the sandbox wraps `format`
        named = [value for name, value in kwargs.items() if name not in ("_loop_vars", "_block_vars")]
        check_call(method, getattr(method, "__self__", None), [*args, *named])
        return checked(super().call(context, function, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        check_operation(operator, left, right)
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
    def guarded(*args: Any, **kwargs: Any) -> Any:
        subject, *others = args[1:] if hasattr(function, "jinja_pass_arg") else args
        check_call(function, subject, [*others, *kwargs.values()])
        result = checked(function(*args, **kwargs))
        return counted(result) if isinstance(result, GeneratorType) else result

    return guarded
