"""Which form the answers of a model have."""

from functools import lru_cache

from runtime import chat
from runtime.engine.protocol import ModelFacts


def form_of(facts: ModelFacts) -> chat.Form:
    """The form of a model's answers."""
    return _find(facts.tool_template or facts.chat_template)


@lru_cache(maxsize=16)
def _find(template: str) -> chat.Form:
    return chat.find(template)
