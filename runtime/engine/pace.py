"""Decides how many tokens of prompts a step may hold, so that no answer stops for longer than a blink.

While answers are being written, a step takes about `SHARED_S` longer than without prompts; the speed
of prompts is learnt from the steps. Alone, prompts get the largest chunks that still end soon
enough for a newcomer.
"""

from time import perf_counter

SHARED_S = 0.2
ALONE_S = 1.0
LEAST_TOKENS = 32
"""Fewer than this are computed hardly faster."""

ROUNDED_ALIKE = 64
"""So many tokens fill a tile of ggml's attention; fewer are computed without tiles, and rounded in another way."""

NEW_SHARE = 0.3


class Pace:
    """The speed of prompts, in tokens per second."""

    def __init__(self, n_chunk: int) -> None:
        self._n_chunk = n_chunk
        self._tokens_per_s = 0.0
        self._began_s = 0.0

    def budget(self, is_shared: bool) -> int:
        """Return the tokens of prompts for the next step."""
        if not self._tokens_per_s:
            return self._n_chunk if not is_shared else min(self._n_chunk, 2 * LEAST_TOKENS)
        tokens = int(self._tokens_per_s * (SHARED_S if is_shared else ALONE_S))
        return max(LEAST_TOKENS if is_shared else ROUNDED_ALIKE, min(self._n_chunk, tokens))

    def begin(self) -> None:
        """A step begins."""
        self._began_s = perf_counter()

    def end(self, n_prompt: int, n_drawn: int) -> None:
        """It has computed so many tokens of prompts, and as many answers as `n_drawn`."""
        if n_prompt < LEAST_TOKENS or n_prompt < n_drawn:
            return
        speed = (n_prompt + n_drawn) / max(1e-6, perf_counter() - self._began_s)
        self._tokens_per_s += (speed - self._tokens_per_s) * (NEW_SHARE if self._tokens_per_s else 1.0)


def whole(n_tokens: int, n_left: int) -> int:
    """Return how many of the `n_left` tokens of a prompt to compute now: about `n_tokens`, and no short rest is left.

    Chunks of `ROUNDED_ALIKE` or more give the same bits, so wherever a prompt is cut, it is answered the same.
    """
    if n_tokens < ROUNDED_ALIKE or not 0 < n_left - n_tokens < ROUNDED_ALIKE:
        return n_tokens
    return n_left - ROUNDED_ALIKE if n_left >= 2 * ROUNDED_ALIKE else n_left


def divide(budget: int, wanted: list[int]) -> list[int]:
    """Divide the tokens of a step among prompts, oldest first in `wanted`.

    The oldest gets half of it or more; the rest goes to those who need least, so that a short
    question does not wait for a long document.
    """
    shares = [0] * len(wanted)
    if not wanted:
        return shares
    left = budget
    if len(wanted) > 1:
        shares[0] = min(wanted[0], (budget + 1) // 2)
        left -= shares[0]
        for index in sorted(range(1, len(wanted)), key=lambda index: wanted[index]):
            shares[index] = min(wanted[index], left)
            left -= shares[index]
    shares[0] += min(wanted[0] - shares[0], left)
    return shares
