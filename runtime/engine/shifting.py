"""Context shift: an answer that fills its context goes on without its oldest tokens.

The first tokens stay, then as many are dropped as llama-server would drop. What follows
moves up in the memory, or is computed anew where others hold the same tokens.
"""

from runtime.engine.lane import Lane
from runtime.engine.sequence import Sequence

LEAST_LEFT = 4
"""Tokens that may always be dropped."""


def shift(lane: Lane, sequence: Sequence, n_ctx: int, n_bos: int) -> bool:
    """Make room in a full context; False when there is nothing to drop. The place may be lost for want of room."""
    request, place = sequence.request, sequence.place
    asked = sequence.n_prompt if request.n_keep < 0 else request.n_keep + n_bos
    n_kept = min(asked, n_ctx - LEAST_LEFT)
    n_left = len(sequence.tokens) - n_kept
    n_dropped = min(request.n_discard or n_left // 2, n_left - 1)
    if place is None or n_dropped <= 0:
        return False
    if lane.shift(sequence, place, n_kept, n_dropped):
        sequence.drop(n_kept, n_dropped)
        sequence.is_shifted = True
    else:
        lane.leave(sequence, place)
        sequence.drop(n_kept, n_dropped)
        lane.enter(sequence)
    return True
