"""Guesses the next tokens by looking up where the last ones stood before: prompt lookup.

An answer that repeats much of its prompt (a rewritten text, code with one change) is
guessed for whole lines, without a second model. A wrong guess costs what computing it
costs, so their number doubles while all are right and halves when they are not.
"""

N_GRAM = 3
"""Shorter ones match by accident: with 2, half of the guesses in free text are wrong."""

FIRST_GUESSES = 4


class Lookup:
    """The runs of `N_GRAM` tokens of one sequence, and where each stood last."""

    def __init__(self, n_most: int) -> None:
        self.n_most = n_most
        self._n_next = min(FIRST_GUESSES, n_most)
        self._after: dict[tuple[int, ...], int] = {}
        self._n_seen = 0

    def guess(self, tokens: list[int], n_most: int) -> list[int]:
        """Return what followed the last tokens when they stood there before; at most `n_most`."""
        self._learn(tokens)
        at = self._after.get(tuple(tokens[-N_GRAM:])) if len(tokens) >= N_GRAM else None
        if at is None:
            return []
        return tokens[at : at + min(n_most, self._n_next)]

    def judge(self, n_guessed: int, n_right: int) -> None:
        """Learn from how many of the guesses were right."""
        if n_right == n_guessed:
            self._n_next = min(2 * self._n_next, self.n_most)
        else:
            self._n_next = max(1, n_right, self._n_next // 2)

    def _learn(self, tokens: list[int]) -> None:
        """Remember every run but the last, which nothing has followed yet."""
        for end in range(max(self._n_seen, N_GRAM), len(tokens)):
            self._after[tuple(tokens[end - N_GRAM : end])] = end
        self._n_seen = max(self._n_seen, len(tokens))
