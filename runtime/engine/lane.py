"""The requests that share one memory, and which memory computes with which set of adapters.

A lane lends a request its place: a sequence of the memory and a way through its prefix
tree. A set of adapters joins the model's own lane where the backend can mix sets in one
step, and gets a lane of its own where it cannot. Sets are opened by another thread while
requests go on, and closed again when room is needed for one that somebody waits for.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from runtime.engine.backend import AdapterSet, Backend, InvalidRequest, Memory
from runtime.engine.prefix_node import Node
from runtime.engine.prefixes import PrefixTree
from runtime.engine.sequence import Sequence

if TYPE_CHECKING:
    from runtime.engine.baked import Shelf  # a start without one does not pay for it
from runtime.errors import LmfileError


class Place:
    """Where the tokens of a running request are held."""

    __slots__ = ("id", "lane", "leaf")

    def __init__(self, lane: Lane, sequence_id: int, leaf: Node) -> None:
        self.lane = lane
        self.id = sequence_id
        self.leaf = leaf


class Lane:
    """One memory, its prefix tree, and the requests that run in it."""

    def __init__(self, memory: Memory, baked: Shelf | None = None) -> None:
        self.memory = memory
        self.baked = baked
        self.tree = PrefixTree(memory)
        self.running: list[Sequence] = []
        self.is_crowded = False
        """A request had to leave for want of room: nobody enters until another one has ended."""

    def enter(self, sequence: Sequence) -> bool:
        """Give a request its place; False when there is none now."""
        self.is_crowded = self.is_crowded and bool(self.running)
        if self.is_crowded:
            return False
        sequence_id = self.tree.take_sequence()
        if sequence_id is None:
            return False
        # The last token is always computed: what follows is drawn from its logits.
        may_share = sequence.request.cache_prompt and not (sequence.is_shifted or sequence.is_telling)
        known = sequence.tokens[:-1] if may_share else []
        if self.baked and not sequence.adapters:
            self.baked.recall(self, known)
        self.memory.assign(sequence_id, sequence.adapters)
        sequence.place = Place(self, sequence_id, self.tree.enter(known, sequence_id, sequence.adapters))
        sequence.n_computed = 0
        self.running.append(sequence)
        return True

    def advance(self, sequence: Sequence, place: Place) -> int:
        """Take over what others have computed; return how many tokens may be computed now: 0 to wait."""
        n_held = sequence.n_computed
        if n_held < place.leaf.end:
            sequence.n_computed = self.tree.share(place.leaf, place.id, n_held)
            if sequence.n_computed < sequence.n_prompt and not sequence.n_predicted:
                sequence.n_cached += sequence.n_computed - n_held
        return self.tree.reach(place.leaf, place.id, sequence.n_computed) - sequence.n_computed

    def computed(self, sequence: Sequence, place: Place, n_tokens: int) -> None:
        """So many more tokens of a request are in the memory."""
        sequence.n_computed += n_tokens
        if sequence.n_computed - n_tokens < place.leaf.end:
            self.tree.computed(place.leaf, place.id, sequence.n_computed)

    def leave(self, sequence: Sequence, place: Place) -> Node:
        """Take back the place of a request; return where in the tree its tokens end."""
        self.running.remove(sequence)
        sequence.place = None
        n_held = min(place.leaf.end, sequence.n_computed) if sequence.is_shifted else sequence.n_computed
        return self.tree.leave(place.leaf, place.id, sequence.tokens[:n_held])

    def n_cells(self) -> int:
        """Return how many tokens the memory holds, or more where it is not known who shares what."""
        if not self.memory.can_trim:
            return self.tree.n_parked() + sum(sequence.n_computed for sequence in self.running)
        private = 0
        for sequence in self.running:
            if place := sequence.place:
                held = [node.end for node in place.leaf.path() if place.id in node.holders]
                private += sequence.n_computed - max(held, default=0)
        return self.tree.n_tokens + private

    def make_room(self, n_tokens: int) -> bool:
        """Forget what is least recently used until so many tokens fit; False when that is not enough."""
        while (missing := self.n_cells() + n_tokens - self.memory.n_cells) > 0:
            if not self.tree.evict(missing):
                return False
        return True

    def shift(self, sequence: Sequence, place: Place, n_kept: int, n_dropped: int) -> bool:
        """Drop tokens from the middle of a request; False when others hold them, too."""
        if not (self.memory.can_shift and self.memory.can_trim) or sequence.n_computed < place.leaf.end:
            return False
        leaf = self.tree.detach(place.leaf, place.id, n_kept)
        if leaf is None:
            return False
        place.leaf = leaf
        self.memory.forget(place.id, n_kept, n_kept + n_dropped)
        self.memory.shift(place.id, n_kept + n_dropped, -n_dropped)
        return True


class Lanes:
    """The lanes by set of adapters; the model's own one is there from the start."""

    def __init__(self, backend: Backend, baked: Shelf | None = None) -> None:
        self._backend = backend
        self._open: dict[AdapterSet, Lane] = {(): Lane(backend.open(()), baked)} if backend.facts.generates else {}
        self._opening: dict[AdapterSet, _Opening] = {}
        self._used_at: dict[AdapterSet, int] = {}
        self._clock = 0

    def all(self) -> list[Lane]:
        """Return the lanes that are open."""
        return list({id(lane): lane for lane in self._open.values()}.values())

    def sets(self) -> list[AdapterSet]:
        """Return the sets of adapters that can be computed with now."""
        return list(self._open)

    def settle(self, wanted: set[AdapterSet]) -> None:
        """Take in what was opened meanwhile; what failed is kept for those who want it."""
        for adapters, opening in list(self._opening.items()):
            if opening.is_alive() or (adapters in wanted and not opening.memory):
                continue
            del self._opening[adapters]
            if opening.memory:
                self._open[adapters] = self._lane(opening.memory)

    def get(self, adapters: AdapterSet) -> Lane | None:
        """Return the lane of a set; None while it is being opened. Raises: InvalidRequest, LmfileError."""
        self._clock += 1
        opening = self._opening.get(adapters)
        if opening and not opening.is_alive():
            del self._opening[adapters]
            self._open[adapters] = self._lane(opening.result())
        lane = self._open.get(adapters)
        if lane:
            self._used_at[adapters] = self._clock
        elif not opening:
            self._begin(adapters)
        return lane

    def is_opening(self, adapters: AdapterSet) -> bool:
        """Whether `get` will have the lane of this set soon."""
        return adapters in self._opening

    def _lane(self, memory: Memory) -> Lane:
        """Return the lane of a memory, which may be one that other sets use already."""
        return next((lane for lane in self._open.values() if lane.memory is memory), None) or Lane(memory)

    def _begin(self, adapters: AdapterSet) -> None:
        """Open a set in the background, if there is room or some can be made."""
        n_sets = len(self._open) + sum(opening.takes_room() for opening in self._opening.values())
        if n_sets >= self._backend.n_sets and not self._close_one():
            return
        opening = self._opening[adapters] = _Opening(self._backend, adapters)
        opening.start()

    def _close_one(self) -> bool:
        idle = [
            (self._used_at.get(adapters, 0), adapters)
            for adapters, lane in self._open.items()
            if adapters and all(sequence.adapters != adapters for sequence in lane.running)
        ]
        if not idle:
            return False
        _, adapters = min(idle)
        self._backend.close(self._open.pop(adapters).memory, adapters)
        return True


class _Opening(Thread):
    """Makes a set of adapters ready, and the memory that computes with it."""

    def __init__(self, backend: Backend, adapters: AdapterSet) -> None:
        super().__init__(name="opening an adapter", daemon=True)
        self._backend = backend
        self._adapters = adapters
        self.memory: Memory | None = None
        self._failure: Exception | None = None

    def run(self) -> None:
        try:
            self.memory = self._backend.open(self._adapters)
        except (InvalidRequest, LmfileError) as failure:
            self._failure = failure

    def takes_room(self) -> bool:
        """Whether it has not failed."""
        return self.is_alive() or self.memory is not None

    def result(self) -> Memory:
        if self.memory is None:
            raise self._failure or InvalidRequest("the adapter could not be loaded")
        return self.memory
