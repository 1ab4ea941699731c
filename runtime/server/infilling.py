"""The prompt of a text with a gap, for models that were trained to fill it in."""

from collections.abc import Sequence

from runtime.engine.protocol import ModelFacts, Prompt
from runtime.server.problem import invalid

Part = str | Sequence[int | str]
MARKS = ("pre", "suf", "mid")


def fills_gaps(facts: ModelFacts) -> bool:
    """Whether this model has all tokens for it; some have only those that name files."""
    return all(mark in facts.infill for mark in MARKS)


def infill_prompt(facts: ModelFacts, before: Part, after: Part, field: str) -> Prompt:
    """Return what a model continues with the text between `before` and `after`.

    Raises: Problem that names `field` when this model has no tokens for it.
    """
    if not fills_gaps(facts):
        raise invalid(f"`{field}`: this model has no tokens for filling in text.")
    begin, end, middle = (facts.infill[mark] for mark in MARKS)
    first = [facts.bos] if facts.adds_bos and facts.bos >= 0 else []
    return [*first, begin, *_listed(before), end, *_listed(after), middle]


def _listed(prompt: Part) -> list[int | str]:
    return [prompt] if isinstance(prompt, str) else list(prompt)
