"""Which sequences hold the nodes of a prefix tree, and how room is made: what nobody uses is forgotten.

The least recently used leaf goes first, from its end. Its sequence stays with the node
before it, if nobody else holds that one. Does not know: how the tree grows.
"""

from collections.abc import Iterator

from runtime.engine.backend import AdapterSet, Memory
from runtime.engine.prefix_node import Node


class Holdings:
    """The nodes of one memory, and its unused sequences."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._roots: dict[AdapterSet, Node] = {}
        self.n_tokens = 0
        """Computed and in the tree; what running requests hold beyond their prompts is not counted."""
        self._free = list(range(memory.n_sequences))[::-1]
        self._clock = 0

    def take_sequence(self) -> int | None:
        """Return the id of an unused sequence, making one free if need be; None: all are running."""
        while not self._free:
            if not self._drop_least_recent():
                return None
        return self._free.pop()

    def give_back(self, sequence: int) -> None:
        """`sequence` holds nothing of the tree: it is unused again."""
        self.memory.forget(sequence)
        self._free.append(sequence)

    def evict(self, n_tokens: int) -> bool:
        """Forget `n_tokens`, least recently used first; False when there was nothing to forget."""
        n_freed, found = 0, False
        while n_freed < n_tokens and (node := self._least_recent()):
            n_freed += self._shorten(node, n_tokens - n_freed)
            found = True
        return found

    def drop(self, node: Node) -> int:
        """Forget the way to a leaf, as far as nothing else needs it; return how many cells that frees."""
        n_freed = 0
        while node.parent and node.is_idle():
            above, is_kept = node.parent, node.parent.parked is not None
            n_freed += self._shorten(node, len(node.tokens))
            if is_kept:
                break
            node = above
        return n_freed

    def holder(self, node: Node) -> int | None:
        """Return a sequence from which `node` and all before it can be shared; None when it is gone."""
        if node.parent is None or not node.is_complete:
            return None
        if node.parked is None and self.memory.can_trim:
            return next(iter(node.holders))
        return node.parked

    def n_parked(self) -> int:
        """Return the tokens of all parked sequences, as if nobody shared any."""
        return sum(node.end for node in self.nodes() if node.parked is not None)

    def n_sequences(self) -> int:
        """Return how many sequences are known, running and parked."""
        return self.memory.n_sequences - len(self._free)

    # For the tree above

    def root(self, adapters: AdapterSet) -> Node:
        """Return the root of what was computed with these adapters."""
        root = self._roots.get(adapters)
        if root is None:
            root = self._roots[adapters] = Node([], 0, None)
            root.is_complete = True
        return root

    def nodes(self) -> Iterator[Node]:
        """Yield every node of every set of adapters, roots included."""
        return (node for root in self._roots.values() for node in root.below())

    def _split(self, node: Node, n_tokens: int) -> Node:
        """Cut `node` after so many tokens; return the new upper part."""
        parent = node.above
        upper = Node(node.tokens[:n_tokens], node.begin, parent)
        upper.holders, upper.owner, upper.is_complete = set(node.holders), node.owner, node.is_complete
        upper.used_at = node.used_at
        parent.children[upper.tokens[0]] = upper
        node.tokens, node.begin, node.parent = node.tokens[n_tokens:], node.begin + n_tokens, upper
        upper.children[node.tokens[0]] = node
        return upper

    def _release(self, node: Node, sequence: int) -> None:
        """`sequence`, which held the path to `node`, is used no more."""
        for above in node.path():
            self._let_go(above, sequence)
        self.give_back(sequence)

    def _let_go(self, node: Node, sequence: int) -> None:
        node.holders.discard(sequence)
        if node.parked == sequence:
            node.parked = None
        if node.is_complete and not node.holders:
            node.is_complete = False
            self.n_tokens -= len(node.tokens)

    def _touch(self, node: Node) -> None:
        self._clock += 1
        for above in node.path():
            above.used_at = self._clock

    # Forgetting

    def _drop_least_recent(self) -> bool:
        """Make one sequence free; False when all are running."""
        while node := self._least_recent():
            n_free = len(self._free)
            self._shorten(node, len(node.tokens))
            if len(self._free) > n_free:
                return True
        return False

    def _least_recent(self) -> Node | None:
        spare = (node for node in self.nodes() if node.parent and self._is_spare(node))
        return min(spare, key=lambda node: node.used_at, default=None)

    def _is_spare(self, node: Node) -> bool:
        return node.is_idle() or (node.parked is not None and not self.memory.can_trim)

    def _shorten(self, leaf: Node, n_tokens: int) -> int:
        """Forget the last `n_tokens` of an idle leaf, or all of it; return how many cells that frees."""
        if leaf.parked is not None and self.memory.can_trim and n_tokens < len(leaf.tokens):
            leaf.tokens = leaf.tokens[: len(leaf.tokens) - n_tokens]
            self.memory.forget(leaf.parked, leaf.end)
            self.n_tokens -= n_tokens
            return n_tokens
        if leaf.parked is not None and not leaf.is_idle():
            n_before = self.n_tokens  # a checkpoint on somebody's way: only its state goes
            self._release(leaf, leaf.parked)
            return n_before - self.n_tokens
        return self._abandon(leaf)

    def _abandon(self, leaf: Node) -> int:
        """Remove an idle leaf; its parent keeps its sequence if it has no other. Return how many cells that frees."""
        parent, sequence, n_before = leaf.above, leaf.parked, self.n_tokens
        del parent.children[leaf.tokens[0]]
        if sequence is not None and self.memory.can_trim and parent.holders == {sequence}:
            self.memory.forget(sequence, parent.end)
            parent.parked, leaf.parked = sequence, None
            leaf.holders.clear()
            self.n_tokens -= len(leaf.tokens)
        elif sequence is not None:
            self._release(leaf, sequence)
        leaf.parent = None
        return n_before - self.n_tokens
