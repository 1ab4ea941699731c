"""Whether and how much a model thinks before it answers: Ollama's `think`."""

from typing import Literal

from runtime.engine.protocol import ModelFacts
from runtime.server.problem import invalid

Think = bool | Literal["low", "medium", "high", "max"]

MARKS = ("enable_thinking", "reasoning_content", "reasoning_effort", "<think>", "thinking")
"""What stands in the templates of models that think."""


def thinks(template: str) -> bool:
    """Whether a model with this chat template can think before it answers."""
    return any(mark in template for mark in MARKS)


def thinking(think: Think | None, facts: ModelFacts, name: str) -> dict[str, object]:
    """Return what a `Conversation` is told. Raises: Problem when the model cannot."""
    if think is None:
        return {}
    if think and not thinks(facts.chat_template):
        raise invalid(f'"{name}" does not support thinking')
    if isinstance(think, bool):
        return {"thinking": think}
    return {"thinking": True, "effort": think}
