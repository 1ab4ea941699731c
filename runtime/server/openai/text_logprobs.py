"""How likely the tokens of a completion were, in OpenAI's older form: parallel lists."""

from collections.abc import Sequence

from runtime.engine.protocol import ModelFacts, TokenProbability
from runtime.server.probabilities import finite_logprob


class TextLogprobs:
    """The lists of one choice, part by part; `text_offset` counts characters of its text."""

    def __init__(self, n_top: int | None) -> None:
        """n_top: how many likely tokens are told in the place of each; None: no lists were asked for."""
        self._n_top = n_top
        self._offset = 0

    def of(
        self, probabilities: Sequence[TokenProbability], *, prompt: Sequence[TokenProbability] = ()
    ) -> dict[str, object] | None:
        """Return the lists of the next tokens, after those of the `prompt`; of its very first nothing is known."""
        if self._n_top is None:
            return None
        drawn = [*prompt, *probabilities]
        unknown = 1 if prompt and not prompt[0].top_logprobs and not prompt[0].logprob else 0
        return {
            "tokens": [one.token for one in drawn],
            "token_logprobs": [None] * unknown + [finite_logprob(one) for one in drawn[unknown:]],
            "top_logprobs": [None] * unknown + [self._top(one) for one in drawn[unknown:]],
            "text_offset": [self._place(one) for one in drawn],
        }

    def _top(self, one: TokenProbability) -> dict[str, float]:
        return {other.token: finite_logprob(other) for other in one.top_logprobs[: self._n_top]}

    def _place(self, one: TokenProbability) -> int:
        place = self._offset
        self._offset += len(one.token)
        return place


def echoed(facts: ModelFacts, prompt: object, probabilities: Sequence[TokenProbability]) -> Sequence[TokenProbability]:
    """The tokens of `prompt` that the client wrote: without the one that the model wants before any text."""
    is_added = facts.adds_bos and isinstance(prompt, str) and not prompt.startswith(facts.bos_token)
    return probabilities[1:] if is_added and probabilities and probabilities[0].id == facts.bos else probabilities
