"""The forms in which a prompt without a chat arrives: a text, token ids, or a list of either."""

from runtime.server.fields import check_tokens
from runtime.server.generation import MAX_ANSWERS
from runtime.server.problem import invalid, not_supported

PromptField = str | list[int | str | list[int]]
Prompt = str | list[int]


def read_prompts(given: PromptField, n_vocab: int, copies: int) -> list[Prompt]:
    """Return the prompts, at least one. Raises: Problem."""
    prompts = _split(given)
    if not prompts:
        raise invalid("`prompt`: expected at least one prompt.")
    if len(prompts) * copies > MAX_ANSWERS:
        raise invalid(f"`prompt`: expected at most {MAX_ANSWERS} answers to one request.")
    for prompt in prompts:
        if isinstance(prompt, list):
            check_tokens(prompt, n_vocab, "prompt")
    return prompts


def _split(given: PromptField) -> list[Prompt]:
    if isinstance(given, str):
        return [given]
    tokens = [item for item in given if isinstance(item, int)]
    if not tokens:
        return [item for item in given if not isinstance(item, int)]
    if len(tokens) < len(given):
        raise not_supported("a `prompt` that mixes text and tokens")
    return [tokens]
