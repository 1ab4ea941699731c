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

from runtime.engine.backend import AdapterSet
from runtime.engine.holdings import Holdings
from runtime.engine.prefix_node import Node, common_beginning


class PrefixTree(Holdings):
    """The tree of one memory: how requests find their way through it."""

    def enter(self, tokens: list[int], sequence: int, adapters: AdapterSet = ()) -> Node:
        """Find or make the path of `tokens`, what is new of it under way by `sequence`; return its last node."""
        node, n_matched = self._descend(self.root(adapters), tokens)
        if n_matched < len(tokens):
            node = self._append(node, tokens[n_matched:])
            node.owner = sequence
        node.users += 1
        self._touch(node)
        return node

    def n_known(self, tokens: list[int]) -> int:
        """Return how long a beginning of `tokens` can be shared now, where no adapters are used."""
        node, n_matched, n_known = self.root(()), 0, 0
        while n_matched < len(tokens) and (child := node.children.get(tokens[n_matched])):
            n_common = common_beginning(child.tokens, tokens, n_matched)
            n_matched += n_common
            if child.is_complete and (self.memory.can_trim or (child.parked is not None and child.end == n_matched)):
                n_known = n_matched
            if n_common < len(child.tokens):
                break
            node = child
        return n_known

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
            if self.memory.can_trim:
                self.memory.forget(sequence, node.end)  # after a context shift it holds more than `tokens`
        else:
            self._release(node, sequence)
        return node

    def adopt(self, sequence: int, tokens: list[int]) -> Node:
        """Keep `tokens`, which `sequence` holds by itself (restored from a file); return where they end."""
        root = self.root(())
        root.users += 1
        return self.leave(root, sequence, tokens)

    def detach(self, leaf: Node, sequence: int, n_kept: int) -> Node | None:
        """Take what `sequence` holds beyond `n_kept` out of the tree; None when others run through it."""
        path = leaf.path()
        beyond = [node for node in path if node.end > n_kept]
        if not beyond:
            return leaf
        if sum(node.users for node in beyond[0].below()) > 1:
            return None
        top = beyond[0]
        if top.begin < n_kept:
            self._split(top, n_kept - top.begin)
        parent = top.above
        for node in list(top.below()):
            if node.parked is not None:
                self._release(node, node.parked)
        for node in list(top.below()):
            self.n_tokens -= len(node.tokens) if node.is_complete else 0
            node.parent = None
        del parent.children[top.tokens[0]]
        parent.users += 1
        return parent

    # Growing

    def _descend(self, root: Node, tokens: list[int]) -> tuple[Node, int]:
        """Return the node where the longest known beginning of `tokens` ends, split there if need be."""
        node, n_matched = root, 0
        while n_matched < len(tokens) and (child := node.children.get(tokens[n_matched])):
            n_common = common_beginning(child.tokens, tokens, n_matched)
            node = child if n_common == len(child.tokens) else self._split(child, n_common)
            n_matched += n_common
        return node, n_matched

    def _append(self, parent: Node, tokens: list[int]) -> Node:
        node = parent.children[tokens[0]] = Node(tokens, parent.end, parent)
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

    # Leaving

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
            if not node.is_complete and node.is_idle():
                del parent.children[node.tokens[0]]
                node.parent = None
            node = parent
        return node

    def _is_worth_keeping(self, node: Node, sequence: int, n_held: int) -> bool:
        if node.parent is None or node.parked is not None:
            return False
        return node.holders == {sequence} if self.memory.can_trim else node.end == n_held
