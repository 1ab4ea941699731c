"""Estimates how large the terminals of a Lark grammar are once names and repetitions are written out.

llguidance writes them out, and a thousand terminals of which each takes the next one twice keep it busy for
11 s. Rules are not written out, and so do not count.
"""

from runtime.engine.constraints import limits
from runtime.engine.constraints.limits import refuse

SIZE = 20_000
DEPTH = 100
"""Of terminals in terminals."""


class Sizes:
    """Is told the parts of the grammar in their order: `NAME: item item{2} (item | NAME)`."""

    def __init__(self) -> None:
        self._parts: list[str | int | tuple[int]] = []
        self._definitions: dict[str, list[str | int | tuple[int]]] = {}
        self._known: dict[str, int] = {}

    def name(self, name: str) -> None:
        """A name is used, or defined if `define` comes next."""
        self._parts.append(name)

    def define(self) -> None:
        """The latest name is defined by what follows."""
        name = self._parts.pop() if self._parts else ""
        if isinstance(name, str):
            self._parts = self._definitions.setdefault(name, [])

    def item(self, size: int) -> None:
        """A string or a pattern."""
        self._parts.append(size)

    def times(self, bound: int) -> None:
        """A bound of a repetition of what came before."""
        self._parts.append((bound,))

    def bracket(self, bracket: str) -> None:
        """A `(` or a `)`."""
        self._parts.append(bracket)

    def check(self) -> None:
        """Raises: InvalidRequest."""
        for name in self._definitions:
            if name.isupper() and self._size(name, 0) > SIZE:
                refuse(f"`grammar`: the terminal `{limits.cut(name)}` has more than {SIZE:,} characters written out")

    def _size(self, name: str, depth: int) -> int:
        if depth > DEPTH:
            refuse(f"`grammar`: terminals are nested more than {DEPTH} deep, or contain themselves")
        if name not in self._known:
            self._known[name] = min(SIZE + 1, self._sum(self._definitions.get(name, []), depth))
        return self._known[name]

    def _sum(self, parts: list[str | int | tuple[int]], depth: int) -> int:
        sums, latest = [0], 0
        for part in parts:
            if isinstance(part, tuple):
                sums[-1] += latest * (part[0] - 1) if part[0] > 1 else 0
            elif part == "(":
                sums.append(0)
            elif part == ")":
                latest = sums.pop() if len(sums) > 1 else 0
                sums[-1] += latest
            else:
                latest = part if isinstance(part, int) else self._size(part, depth + 1)
                sums[-1] += latest
        return sum(sums)
