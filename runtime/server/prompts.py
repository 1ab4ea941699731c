"""The forms in which a prompt without a chat arrives: a text, tokens and texts in turn, or a list of either."""

from runtime.engine.protocol import Prompt
from runtime.server.fields import check_tokens
from runtime.server.generation import MAX_ANSWERS
from runtime.server.problem import invalid

PromptField = str | list[int | str | list[int | str]]


def read_prompts(given: PromptField, n_vocab: int, copies: int) -> list[Prompt]:
    """Return the prompts, at least one. Raises: Problem."""
    prompts = _split(given)
    if not prompts:
        raise invalid("`prompt`: expected at least one prompt.")
    if len(prompts) * copies > MAX_ANSWERS:
        raise invalid(f"`prompt`: expected at most {MAX_ANSWERS} answers to one request.")
    for prompt in prompts:
        if isinstance(prompt, list):
            check_tokens([item for item in prompt if isinstance(item, int)], n_vocab, "prompt")
    return prompts


def _split(given: PromptField) -> list[Prompt]:
    if isinstance(given, str):
        return [given]
    mixed = [item for item in given if not isinstance(item, list)]
    if any(isinstance(item, int) for item in mixed):
        if len(mixed) < len(given):
            raise invalid("`prompt`: expected tokens and texts, or lists of these, not both.")
        return [mixed]
    return [[*item] if isinstance(item, list) else item for item in given if not isinstance(item, int)]
