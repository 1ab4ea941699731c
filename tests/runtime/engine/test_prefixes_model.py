"""The prefix tree against a small model of a memory: whatever happens, it knows exactly what the memory holds."""

import random
from typing import NamedTuple

import pytest

from runtime.engine.prefix_node import Node
from runtime.engine.prefixes import PrefixTree

SEEDS = 200
"""For each kind of memory; `check` was run with thousands."""

STEPS = 150
LETTERS = 3
"""Different tokens: so few that most prompts begin alike."""


class ModelMemory:
    """Which cell each sequence holds at each position, and the token of each cell."""

    n_cells = 1 << 30
    can_shift = True

    def __init__(self, n_sequences: int, can_trim: bool) -> None:
        self.n_sequences = n_sequences
        self.can_trim = can_trim
        self.held: list[dict[int, list[int]]] = [{} for _ in range(n_sequences)]

    def share(self, source: int, target: int, begin: int, end: int) -> None:
        assert self.can_trim or (begin, end) == (0, len(self.held[source])), "only a whole state can be shared"
        self.held[target] |= {at: cell for at, cell in self.held[source].items() if begin <= at < end}

    def forget(self, sequence: int, begin: int = 0, end: int = -1) -> None:
        assert self.can_trim or begin in (0, len(self.held[sequence])), "a state cannot be cut"
        held = self.held[sequence]
        self.held[sequence] = {at: held[at] for at in held if at < begin or 0 <= end <= at}

    def shift(self, sequence: int, begin: int, by: int) -> None:
        raise AssertionError("the tree moves nothing")

    def compute(self, sequence: int, tokens: list[int], position: int) -> None:
        assert len(self.held[sequence]) == position, "tokens follow what is held"
        self.held[sequence] |= {position + at: [token] for at, token in enumerate(tokens)}

    def text(self, sequence: int) -> list[int]:
        return [self.held[sequence][at][0] for at in sorted(self.held[sequence])]

    def n_used(self) -> int:
        return len({id(cell) for held in self.held for cell in held.values()})

    def save(self, sequence: int, tokens: list[int], path: str) -> int:
        raise AssertionError("the tree saves nothing")

    def stored(self, path: str) -> int:
        raise AssertionError("the tree reads nothing")

    def restore(self, sequence: int, path: str) -> tuple[list[int], int]:
        raise AssertionError("the tree restores nothing")


class Runner:
    """A request as the tree sees it."""

    def __init__(self, sequence: int, tokens: list[int], leaf: Node) -> None:
        self.sequence = sequence
        self.tokens = tokens
        self.leaf = leaf
        self.n_held = 0


class Play(NamedTuple):
    """A tree, its memory, and who runs; with one method for each thing that can happen."""

    dice: random.Random
    memory: ModelMemory
    tree: PrefixTree
    running: list[Runner]
    prompts: list[list[int]]

    def enter(self) -> None:
        if len(self.running) >= self.memory.n_sequences - 1:
            return
        known = self.dice.choice(self.prompts) if self.prompts and self.dice.random() < 0.8 else []
        tokens = known[: self.dice.randint(0, len(known))] + self.letters(self.dice.randint(1, 12))
        sequence = self.tree.take_sequence()
        if sequence is not None:
            self.running.append(Runner(sequence, tokens, self.tree.enter(tokens[:-1], sequence)))
            self.prompts[:] = [*self.prompts[-20:], tokens[:]]

    def compute(self) -> None:
        """Take over what others have computed, then compute some tokens if that is allowed."""
        if not self.running:
            return
        one = self.dice.choice(self.running)
        if one.n_held < one.leaf.end:
            one.n_held = self.tree.share(one.leaf, one.sequence, one.n_held)
        reach = self.tree.reach(one.leaf, one.sequence, one.n_held)
        if one.n_held == len(one.tokens):
            one.tokens += self.letters(1)
        end = min(one.n_held + self.dice.randint(1, 5), len(one.tokens), reach)
        self.memory.compute(one.sequence, one.tokens[one.n_held : end], one.n_held)
        one.n_held = end
        self.tree.computed(one.leaf, one.sequence, one.n_held)

    def leave(self) -> None:
        if self.running:
            one = self.running.pop(self.dice.randrange(len(self.running)))
            self.tree.leave(one.leaf, one.sequence, one.tokens[: one.n_held])

    def evict(self) -> None:
        n_used, n_wanted = self.memory.n_used(), self.dice.randint(1, 10)
        self.tree.evict(n_wanted)
        if self.memory.can_trim:
            idle = [node for node in self.tree.nodes() if node.parent and node.is_idle()]
            assert n_used - self.memory.n_used() >= n_wanted or not idle, "there was more to forget"

    def detach(self) -> None:
        """What comes before a context shift."""
        if not self.running or not self.memory.can_trim:
            return
        one = self.dice.choice(self.running)
        if one.n_held > 2:
            one.leaf = self.tree.detach(one.leaf, one.sequence, self.dice.randint(0, one.n_held - 1)) or one.leaf

    def letters(self, n: int) -> list[int]:
        return [self.dice.randrange(LETTERS) for _ in range(n)]


def check_shape(tree: PrefixTree) -> None:
    for node in tree.nodes():
        if node.parent:
            assert node.parent.children[node.tokens[0]] is node
            assert node.begin == node.parent.end
            assert node.parent.parent is None or node.holders <= node.parent.holders


def check_contents(play: Play) -> None:
    """Each holder of a node holds its tokens and all before, a parked sequence nothing else."""
    for node in play.tree.nodes():
        if node.parent and node.is_complete:
            path = [token for above in node.path() for token in above.tokens]
            assert node.holders
            assert all(play.memory.text(holder)[: node.end] == path for holder in node.holders)
            if node.parked is not None:
                assert node.parked in node.holders and play.memory.text(node.parked) == path


def check_counts(play: Play) -> None:
    """No cell is lost, none is counted twice, and each sequence is free, parked or running."""
    tree, memory = play.tree, play.memory
    nodes = [node for node in tree.nodes() if node.parent]
    assert tree.n_tokens == sum(len(node.tokens) for node in nodes if node.is_complete)
    running = {one.sequence for one in play.running}
    parked = {node.parked for node in nodes if node.parked is not None}
    free = set(tree._free)
    assert not free & (parked | running) and free | parked | running == set(range(memory.n_sequences))
    assert not any(memory.held[sequence] for sequence in free)
    assert {node.owner for node in nodes if node.owner is not None} <= running
    if memory.can_trim:
        private = 0
        for one in play.running:
            shared = [node.end for node in one.leaf.path() if one.sequence in node.holders and node.end <= one.n_held]
            private += one.n_held - max(shared, default=0)
        assert memory.n_used() == tree.n_tokens + private


def check(seed: int, can_trim: bool) -> None:
    """Let `STEPS` random things happen, and look at everything after each."""
    dice = random.Random(seed)
    memory = ModelMemory(dice.choice([3, 6, 12]), can_trim)
    play = Play(dice, memory, PrefixTree(memory), [], [])
    actions, weights = (play.enter, play.compute, play.leave, play.evict, play.detach), (25, 55, 13, 4, 3)
    for _ in range(STEPS):
        dice.choices(actions, weights)[0]()
        check_shape(play.tree)
        check_contents(play)
        check_counts(play)
    while play.running:
        play.leave()
    play.tree.evict(1 << 30)
    assert not play.tree.n_tokens and not play.tree.root(()).children and not memory.n_used()


@pytest.mark.parametrize("can_trim", [True, False], ids=["cells", "states"])
def test_the_tree_knows_what_the_memory_holds(can_trim: bool) -> None:
    for seed in range(SEEDS):
        try:
            check(seed, can_trim)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
