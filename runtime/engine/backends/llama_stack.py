"""Sets of adapters that are computed side by side in one context: each sequence has its own.

An edit of the engine holds them in a stack (build/README.md): what a sequence computes with
is a slot of it, and slot 0 is the model as it is. A set is copied into its slot; a stack that
is too small for its rank is made anew, larger.
"""

from __future__ import annotations

from ctypes import c_float, c_void_p
from typing import NamedTuple

from runtime.engine.backend import AdapterSet
from runtime.engine.backends.llama_context import Context
from runtime.engine.backends.llama_native import Native
from runtime.errors import EngineFailed

RANK_STEP = 8
MAX_RANK = 64
"""Of a set; every row of a stack is computed, also those that only the largest set needs."""

SET = 0
NOT_HELD = (-2, -3, -4)
"""llama_adapter_stack_set: another kind of tensor, too high a rank, numbers too large."""


class Scaled(NamedTuple):
    """One adapter of a set, loaded."""

    handle: int
    rank: int
    scale: float


class AdapterStack:
    """The sets of one context. Nothing may be computing while one is put in or the stack is made anew."""

    def __init__(self, native: Native, model: int, context: Context, n_sets: int) -> None:
        self._native = native
        self._model = model
        self._context = context
        self._n_slots = n_sets + 1
        self._handle = 0
        self._rank = 0
        self._slots: dict[AdapterSet, int] = {(): 0}
        self._assigned: dict[int, AdapterSet] = {}

    def rank(self) -> int:
        """What fits into a slot now."""
        return self._rank

    def sets(self) -> list[AdapterSet]:
        """Return the sets that have a slot."""
        return [adapters for adapters in self._slots if adapters]

    def make(self, rank: int) -> bool:
        """Make room for sets of this rank, emptying all slots; False when it cannot be."""
        rank = -(-rank // RANK_STEP) * RANK_STEP
        if rank > MAX_RANK:
            return False
        handle = self._native.llama_adapter_stack_init(self._model, self._n_slots, rank)
        if not handle or self._native.llama_set_adapter_stack(self._context.handle, handle):
            return False
        if self._handle:
            self._native.llama_adapter_stack_free(self._handle)
        self._handle, self._rank = handle, rank
        self._slots = {(): 0}
        return True

    def put(self, adapters: AdapterSet, parts: list[Scaled]) -> bool:
        """Copy a set into a slot; False when it needs a context of its own. Raises: EngineFailed."""
        free = set(range(self._n_slots)) - set(self._slots.values())
        if not free:
            return False
        slot, n_parts = min(free), len(parts)
        handles = (c_void_p * n_parts)(*(part.handle for part in parts))
        scales = (c_float * n_parts)(*(part.scale for part in parts))
        status: int = self._native.llama_adapter_stack_set(self._handle, slot, handles, n_parts, scales)
        if status in NOT_HELD:
            return False
        if status != SET:
            raise EngineFailed(f"Applying adapters: llama.cpp refused them (status {status}).")
        self._slots[adapters] = slot
        self._reassign(adapters)
        return True

    def remove(self, adapters: AdapterSet) -> None:
        """Empty the slot of a set that no sequence uses."""
        slot = self._slots.pop(adapters, 0)
        if slot:
            self._native.llama_adapter_stack_set(self._handle, slot, None, 0, None)

    def assign(self, sequence: int, adapters: AdapterSet) -> None:
        """Compute a sequence with a set that has a slot."""
        self._assigned[sequence] = adapters
        if self._handle:
            self._native.llama_adapter_stack_assign(self._context.handle, sequence, self._slots[adapters])

    def _reassign(self, adapters: AdapterSet) -> None:
        """Point the sequences of a set to its slot, which may be another one than in an earlier stack."""
        for sequence, assigned in self._assigned.items():
            if assigned == adapters:
                self._native.llama_adapter_stack_assign(self._context.handle, sequence, self._slots[adapters])
