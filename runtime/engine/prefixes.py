"""What a memory holds, as a tree of token runs: prompts that begin alike are computed and kept once.

Each node is a run of tokens that follows its parent's. `holders` are the sequences that
hold it with all before it; a new request takes the longest known beginning of its prompt
from any of them. A node can be under way: its `owner` computes it, others who want it wait.

    ├─ "You are a helpful…" ─┬─ "Hello" ─── …       finished: kept by a parked sequence
                             └─ "Write a …" ◄────── owner: a running request

Room is made by the least recently used leaf: its end is forgotten first (`evict`).
A memory that cannot trim shares only at the ends of parked sequences: checkpoints.
Does not know: requests, how the model computes.
"""

import sys
from collections.abc import Iterator

from runtime.engine.backend import Memory


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

    def __init__(self, tokens: list[int], begin: int, parent: "Node | None") -> None:
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

    def path(self) -> "list[Node]":
        """Return the nodes from the root's child down to this one."""
        nodes: list[Node] = []
        node: Node | None = self
        while node and node.parent:
            nodes.append(node)
            node = node.parent
        return nodes[::-1]


class PrefixTree:
    """The tree of one memory, and its free sequence ids."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.root = Node([], 0, None)
        self.root.is_complete = True
        self.n_tokens = 0
        """Computed and in the tree; what running requests hold beyond their prompts is not counted."""
        self._free = list(range(memory.n_sequences))[::-1]
        self._clock = 0

    # A request's way through the tree

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

    def enter(self, tokens: list[int], sequence: int) -> Node:
        """Find or make the path of `tokens`, what is new of it under way by `sequence`; return its last node."""
        node, n_matched = self._descend(tokens)
        if n_matched < len(tokens):
            node = self._append(node, tokens[n_matched:])
            node.owner = sequence
        node.users += 1
        self._touch(node)
        return node

    def share(self, leaf: Node, sequence: int, n_held: int) -> int:
        """Take over what others have computed of the path to `leaf`; return how many tokens are held then."""
        path = [node for node in leaf.path() if node.end > n_held]
        if not self.memory.can_trim:
            return self._share_checkpoint(path, sequence, n_held)
        for node in path:
            if not node.is_complete:
                break
            self.memory.share(next(iter(node.holders)), sequence, n_held, node.end)
            node.holders.add(sequence)
            n_held = node.end
        return n_held

    def reach(self, leaf: Node, sequence: int, n_held: int) -> int:
        """Return up to which token `sequence` may compute now; `n_held`: it waits for another one."""
        for node in leaf.path():
            if node.end <= n_held:
                continue
            if node.owner is None and not node.is_complete:
                node.owner = sequence
            if not self.memory.can_trim:
                return node.end if node.is_complete or node.owner == sequence else n_held
            if node.owner != sequence:
                return max(node.begin, n_held)
        return sys.maxsize

    def computed(self, leaf: Node, sequence: int, n_held: int) -> None:
        """`sequence` holds `n_held` tokens now: complete the nodes it has finished."""
        for node in leaf.path():
            if node.end > n_held or sequence in node.holders:
                continue
            node.holders.add(sequence)
            if not node.is_complete:
                node.is_complete, node.owner = True, None
                self.n_tokens += len(node.tokens)
            if node.end == n_held and node.parked is None and not self.memory.can_trim:
                self._checkpoint(node, sequence)

    def leave(self, leaf: Node, sequence: int, tokens: list[int]) -> Node:
        """`sequence` ends, holding `tokens`: keep them; return the node where they end."""
        leaf.users -= 1
        self.computed(leaf, sequence, len(tokens))
        self._give_up(leaf, sequence, len(tokens))
        for node in leaf.path():
            if node.end > len(tokens):
                self._let_go(node, sequence)
        node = self._settled(leaf, len(tokens))
        if node.end < len(tokens):
            node = self._keep_rest(node, sequence, tokens)
        self._touch(node)
        if self._is_worth_keeping(node, sequence, len(tokens)):
            node.parked = sequence
            if node.end < len(tokens):
                self.memory.forget(sequence, node.end)
        else:
            self._release(node, sequence)
        return node

    def detach(self, leaf: Node, sequence: int, n_kept: int) -> Node | None:
        """Take what `sequence` holds beyond `n_kept` out of the tree; None when others run through it."""
        path = leaf.path()
        beyond = [node for node in path if node.end > n_kept]
        if not beyond:
            return leaf
        if sum(node.users for node in _below(beyond[0])) > 1:
            return None
        top = beyond[0]
        if top.begin < n_kept:
            self._split(top, n_kept - top.begin)
        parent = top.parent or self.root
        for node in list(_below(top)):
            if node.parked is not None:
                self._release(node, node.parked)
        for node in list(_below(top)):
            self.n_tokens -= len(node.tokens) if node.is_complete else 0
            node.parent = None
        del parent.children[top.tokens[0]]
        parent.users += 1
        return parent

    # Room

    def evict(self, n_tokens: int) -> bool:
        """Forget `n_tokens`, least recently used first; False when there was nothing to forget."""
        n_freed, found = 0, False
        while n_freed < n_tokens and (node := self._least_recent()):
            n_freed += self._shorten(node, n_tokens - n_freed)
            found = True
        return found

    def adopt(self, sequence: int, tokens: list[int]) -> Node:
        """Keep `tokens`, which `sequence` holds by itself (restored from a file); return where they end."""
        self.root.users += 1
        return self.leave(self.root, sequence, tokens)

    def holder(self, node: Node) -> int | None:
        """Return a sequence from which `node` and all before it can be shared; None when it is gone."""
        if node.parent is None or not node.is_complete:
            return None
        if node.parked is None and self.memory.can_trim:
            return next(iter(node.holders))
        return node.parked

    def drop(self, node: Node) -> int:
        """Forget a leaf that nobody uses; return its tokens."""
        return self._shorten(node, len(node.tokens)) if node.parent and _is_idle(node) else 0

    def n_sequences(self) -> int:
        """Return how many sequences are known, running and parked."""
        return self.memory.n_sequences - len(self._free)

    def n_parked(self) -> int:
        """Return the tokens of all parked sequences, as if nobody shared any."""
        return sum(node.end for node in _below(self.root) if node.parked is not None)

    # Walking and changing the tree

    def _descend(self, tokens: list[int]) -> tuple[Node, int]:
        """Return the node where the longest known beginning of `tokens` ends, split there if need be."""
        node, n_matched = self.root, 0
        while n_matched < len(tokens) and (child := node.children.get(tokens[n_matched])):
            n_common = common_beginning(child.tokens, tokens, n_matched)
            node = child if n_common == len(child.tokens) else self._split(child, n_common)
            n_matched += n_common
        return node, n_matched

    def _append(self, parent: Node, tokens: list[int]) -> Node:
        node = parent.children[tokens[0]] = Node(tokens, parent.end, parent)
        return node

    def _split(self, node: Node, n_tokens: int) -> Node:
        """Cut `node` after so many tokens; return the new upper part."""
        parent = node.parent or self.root
        upper = Node(node.tokens[:n_tokens], node.begin, parent)
        upper.holders, upper.owner, upper.is_complete = set(node.holders), node.owner, node.is_complete
        upper.used_at = node.used_at
        parent.children[upper.tokens[0]] = upper
        node.tokens, node.begin, node.parent = node.tokens[n_tokens:], node.begin + n_tokens, upper
        upper.children[node.tokens[0]] = node
        return upper

    def _checkpoint(self, node: Node, sequence: int) -> None:
        """Keep the state that `sequence` has at the end of `node`."""
        parked = self.take_sequence()
        if parked is None:
            return
        self.memory.share(sequence, parked, 0, node.end)
        node.parked = parked
        for above in node.path():
            above.holders.add(parked)

    def _share_checkpoint(self, path: list[Node], sequence: int, n_held: int) -> int:
        """Continue from the deepest checkpoint; what comes after it is computed, again if need be."""
        node = next((node for node in reversed(path) if node.parked is not None and node.is_complete), None)
        if node is None or node.parked is None:
            return n_held
        self.memory.forget(sequence)
        self.memory.share(node.parked, sequence, 0, node.end)
        for above in node.path():
            above.holders.add(sequence)
        return node.end

    def _give_up(self, leaf: Node, sequence: int, n_held: int) -> None:
        """Whatever `sequence` still owed to the tree is owed no more."""
        for node in leaf.path():
            if node.owner != sequence or node.is_complete:
                continue
            if node.begin < n_held < node.end:
                upper = self._split(node, n_held - node.begin)
                upper.holders, upper.is_complete, upper.owner = {sequence}, True, None
                self.n_tokens += len(upper.tokens)
            node.owner = None

    def _settled(self, leaf: Node, n_held: int) -> Node:
        """Return the last complete node of the path that ends within `n_held`; empty ones after it are removed."""
        node = leaf
        while node.parent and (not node.is_complete or node.end > n_held):
            parent = node.parent
            if not node.is_complete and _is_idle(node):
                del parent.children[node.tokens[0]]
                node.parent = None
            node = parent
        return node

    def _keep_rest(self, node: Node, sequence: int, tokens: list[int]) -> Node:
        """Add what `sequence` holds beyond `node`; what others hold already is taken from them."""
        held = node.end
        while held < len(tokens) and (child := node.children.get(tokens[held])):
            if not child.is_complete or not self.memory.can_trim:
                return node
            n_common = common_beginning(child.tokens, tokens, held)
            node = child if n_common == len(child.tokens) else self._split(child, n_common)
            self.memory.forget(sequence, held, node.end)
            self.memory.share(next(iter(node.holders)), sequence, held, node.end)
            node.holders.add(sequence)
            held = node.end
        if held == len(tokens):
            return node
        rest = self._append(node, tokens[held:])
        rest.holders, rest.is_complete = {sequence}, True
        self.n_tokens += len(rest.tokens)
        return rest

    def _is_worth_keeping(self, node: Node, sequence: int, n_held: int) -> bool:
        if node is self.root or node.parked is not None:
            return False
        return node.holders == {sequence} if self.memory.can_trim else node.end == n_held

    # Forgetting

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

    def _shorten(self, leaf: Node, n_tokens: int) -> int:
        """Forget the last `n_tokens` of an idle leaf, or all of it; return how many cells that frees."""
        if leaf.parked is not None and self.memory.can_trim and n_tokens < len(leaf.tokens):
            leaf.tokens = leaf.tokens[: len(leaf.tokens) - n_tokens]
            self.memory.forget(leaf.parked, leaf.end)
            self.n_tokens -= n_tokens
            return n_tokens
        if leaf.parked is not None and not _is_idle(leaf):
            n_before = self.n_tokens  # a checkpoint on somebody's way: only its state goes
            self._release(leaf, leaf.parked)
            return n_before - self.n_tokens
        return self._abandon(leaf)

    def _abandon(self, leaf: Node) -> int:
        """Remove an idle leaf; its parent keeps its sequence if it has no other. Return how many cells that frees."""
        parent, sequence, n_before = leaf.parent or self.root, leaf.parked, self.n_tokens
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

    def _drop_least_recent(self) -> bool:
        """Make one sequence free; False when all are running."""
        while node := self._least_recent():
            n_free = len(self._free)
            self._shorten(node, len(node.tokens))
            if len(self._free) > n_free:
                return True
        return False

    def _least_recent(self) -> Node | None:
        spare = (node for node in _below(self.root) if node.parent and self._is_spare(node))
        return min(spare, key=lambda node: node.used_at, default=None)

    def _is_spare(self, node: Node) -> bool:
        return _is_idle(node) or (node.parked is not None and not self.memory.can_trim)

    def _touch(self, node: Node) -> None:
        self._clock += 1
        for above in node.path():
            above.used_at = self._clock


def common_beginning(known: list[int], wanted: list[int], offset: int = 0) -> int:
    """Return how many tokens of `known` stand in `wanted` from `offset` on."""
    n_most = min(len(known), len(wanted) - offset)
    if known[:n_most] == wanted[offset : offset + n_most]:
        return n_most
    return next(n for n in range(n_most) if known[n] != wanted[offset + n])


def _is_idle(node: Node) -> bool:
    return not node.children and not node.users and node.owner is None


def _below(node: Node) -> Iterator[Node]:
    """Yield `node` and all nodes below it."""
    stack = [node]
    while stack:
        one = stack.pop()
        yield one
        stack += one.children.values()
