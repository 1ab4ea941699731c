"""A run of tokens in the tree of what a memory holds."""

from __future__ import annotations

from collections.abc import Iterator


class Node:
    """A run of tokens at depth `begin`; the root is empty.

    users: sequences that run through here and end their prompt here. parked: a sequence that
    nobody runs, kept because it ends here. used_at: when it was last of use, in ticks.
    """

    __slots__ = (
        "begin",
        "children",
        "holders",
        "is_complete",
        "owner",
        "parent",
        "parked",
        "tokens",
        "used_at",
        "users",
    )

    def __init__(self, tokens: list[int], begin: int, parent: Node | None) -> None:
        self.tokens = tokens
        self.begin = begin
        self.parent = parent
        self.children: dict[int, Node] = {}
        self.holders: set[int] = set()
        self.parked: int | None = None
        self.owner: int | None = None
        self.is_complete = False
        self.users = 0
        self.used_at = 0

    @property
    def end(self) -> int:
        return self.begin + len(self.tokens)

    @property
    def above(self) -> Node:
        """The parent of a node that is no root."""
        if self.parent is None:
            raise ValueError("a root has no parent")
        return self.parent

    def path(self) -> list[Node]:
        """Return the nodes from the root's child down to this one."""
        nodes: list[Node] = []
        node: Node | None = self
        while node and node.parent:
            nodes.append(node)
            node = node.parent
        return nodes[::-1]

    def is_idle(self) -> bool:
        """Tell whether nobody runs through here and nothing follows."""
        return not self.children and not self.users and self.owner is None

    def below(self) -> Iterator[Node]:
        """Yield this node and all nodes below it."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack += node.children.values()


def common_beginning(known: list[int], wanted: list[int], offset: int = 0) -> int:
    """Return how many tokens of `known` stand in `wanted` from `offset` on."""
    n_most = min(len(known), len(wanted) - offset)
    if known[:n_most] == wanted[offset : offset + n_most]:
        return n_most
    return next(n for n in range(n_most) if known[n] != wanted[offset + n])
