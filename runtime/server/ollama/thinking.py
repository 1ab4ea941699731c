"""Whether and how much a model thinks before it answers: Ollama's `think`."""

from typing import Literal, NamedTuple

from runtime.engine.protocol import ModelFacts
from runtime.server.forms import form_of
from runtime.server.problem import invalid

Think = bool | Literal["low", "medium", "high", "max"]


class Thinking(NamedTuple):
    """As in `Conversation`."""

    wanted: bool | None
    effort: str


def thinking(think: Think | None, facts: ModelFacts, name: str) -> Thinking:
    """Return what a conversation is told. Raises: Problem when the model cannot."""
    if think and not form_of(facts).thinks:
        raise invalid(f'"{name}" does not support thinking')
    if isinstance(think, str):
        return Thinking(True, think)
    return Thinking(think, "")
