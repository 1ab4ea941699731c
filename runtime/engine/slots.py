"""The places in the batch, numbered as llama-server's slots, and what each of them computed last."""

import time

from runtime.engine.backend import Backend, InvalidRequest, NotThere
from runtime.engine.lane import Lane, Lanes
from runtime.engine.prefix_node import Node
from runtime.engine.protocol import Failed, SlotAction, SlotDone, SlotState, State
from runtime.engine.sequence import Sequence

Held = tuple[Lane, Node]
"""Where the tokens of an ended request are kept, as long as nobody needs the room."""


class Slots:
    """`n_slots` places, each free or taken by a running request."""

    def __init__(self, backend: Backend, lanes: Lanes) -> None:
        self._backend = backend
        self._lanes = lanes
        self._taken: dict[int, Sequence] = {}
        self._held: dict[int, Held] = {}

    def has_free(self, slot: int) -> bool:
        """Tell whether `slot` is free, or any for -1."""
        if slot >= 0:
            return slot not in self._taken
        return len(self._taken) < self._backend.facts.n_slots

    def take(self, sequence: Sequence) -> None:
        """Put a request on its slot: the one it wants, or the first free one."""
        wanted = sequence.request.slot
        free = (slot for slot in range(self._backend.facts.n_slots) if slot not in self._taken)
        sequence.slot = wanted if wanted >= 0 else next(free)
        self._taken[sequence.slot] = sequence

    def free(self, sequence: Sequence, held: Held | None) -> None:
        """Take a request off its slot, and remember where its tokens are."""
        self._taken.pop(sequence.slot, None)
        self._held.pop(sequence.slot, None)
        if held:
            self._held[sequence.slot] = held

    def running(self) -> list[Sequence]:
        """Return the requests that have a slot."""
        return list(self._taken.values())

    def state(self, request_id: int, n_waiting: int, n_steps: int, n_busy: int) -> State:
        """Return what `Inspect` asks for."""
        lanes = self._lanes.all()
        return State(
            id=request_id,
            slots=[self._state_of(slot) for slot in range(self._backend.facts.n_slots)],
            n_waiting=n_waiting,
            n_cells=sum(lane.n_cells() for lane in lanes),
            n_sequences=sum(lane.tree.n_sequences() for lane in lanes),
            adapters=[[name for name, _ in adapters] for adapters in self._lanes.sets()],
            n_steps=n_steps,
            n_busy=n_busy,
            n_threads=self._backend.n_threads,
        )

    def act(self, order: SlotAction) -> SlotDone | Failed:
        """Save, restore or erase a slot that is free."""
        if not 0 <= order.slot < self._backend.facts.n_slots:
            return _refused(order, f"there is no slot {order.slot}")
        if order.slot in self._taken:
            return _refused(order, f"slot {order.slot} is busy; try again when it is free")
        began_s = time.perf_counter()
        try:
            n_tokens, n_bytes = self._do(order)
        except NotThere as refusal:
            return Failed(id=order.id, kind="missing", message=str(refusal))
        except InvalidRequest as refusal:
            return _refused(order, str(refusal))
        took_ms = (time.perf_counter() - began_s) * 1e3
        return SlotDone(id=order.id, n_tokens=n_tokens, n_bytes=n_bytes, took_ms=took_ms)

    def _do(self, order: SlotAction) -> tuple[int, int]:
        """Return the tokens concerned, and the bytes of the file."""
        if order.action == "restore":
            return self._restore(order)
        if order.action == "erase":
            return self._erase(order.slot), 0
        held = self._what_is_held(order.slot)
        if held is None:
            raise InvalidRequest(f"slot {order.slot} holds nothing; it may have been forgotten to make room")
        return self._save(*held, order.path)

    def _erase(self, slot: int) -> int:
        """Forget what a slot remembers; what others share stays theirs. Return its tokens."""
        held = self._what_is_held(slot)
        self._held.pop(slot, None)
        if held is None:
            return 0
        lane, node = held
        n_tokens = node.end
        lane.tree.drop(node)
        return n_tokens

    def _what_is_held(self, slot: int) -> Held | None:
        """Return where the tokens of a slot are; None when they were forgotten to make room."""
        held = self._held.get(slot)
        if held is None or held[0] not in self._lanes.all() or held[0].tree.holder(held[1]) is None:
            return None
        return held

    def _save(self, lane: Lane, node: Node, path: str) -> tuple[int, int]:
        tokens = [token for above in node.path() for token in above.tokens]
        if node.parked is not None:
            return len(tokens), lane.memory.save(node.parked, tokens, path)
        holder, copy = lane.tree.holder(node), lane.tree.take_sequence()
        if holder is None or copy is None:
            raise InvalidRequest("every sequence is in use; try again when fewer requests are running")
        lane.memory.share(holder, copy, 0, node.end)
        try:
            return len(tokens), lane.memory.save(copy, tokens, path)
        finally:
            lane.tree.give_back(copy)

    def _restore(self, order: SlotAction) -> tuple[int, int]:
        lane = self._lanes.get(())
        sequence = lane.tree.take_sequence() if lane else None
        if lane is None or sequence is None:
            raise InvalidRequest("every sequence is in use; try again when fewer requests are running")
        try:
            if not lane.make_room(lane.memory.stored(order.path)):
                raise InvalidRequest("the memory is full of running requests; try again when fewer are running")
            tokens, n_bytes = lane.memory.restore(sequence, order.path)
        except InvalidRequest:
            lane.tree.give_back(sequence)
            raise
        self._held[order.slot] = (lane, lane.tree.adopt(sequence, tokens))
        return len(tokens), n_bytes

    def _state_of(self, slot: int) -> SlotState:
        sequence = self._taken.get(slot)
        if sequence is None:
            return SlotState(slot=slot)
        return SlotState(
            slot=slot,
            request=sequence.request.id,
            n_prompt=sequence.n_prompt,
            n_computed=min(sequence.n_computed, sequence.n_prompt),
            n_predicted=sequence.n_predicted,
            n_cached=sequence.n_cached,
            n_left=sequence.n_room if sequence.request.max_tokens >= 0 else -1,
            has_new_line=sequence.has_new_line,
        )


def _refused(order: SlotAction, why: str) -> Failed:
    return Failed(id=order.id, kind="invalid", message=why)
