"""The forms in which a prompt without a chat arrives: a text, tokens and texts in turn, or a list of either."""

from typing import Annotated

import msgspec
from msgspec import Meta

from runtime.engine.protocol import Prompt
from runtime.server.fields import check_tokens
from runtime.server.generation import MAX_ANSWERS
from runtime.server.problem import invalid

Mixed = list[int | str]


class PromptObject(msgspec.Struct, kw_only=True):
    """llama-server's prompt with pictures or sound; models here read text only."""

    prompt_string: str | Mixed
    multimodal_data: Annotated[list[str], Meta(max_length=64)] | None = None


PromptField = str | PromptObject | list[int | str | Mixed | PromptObject]


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
    if not isinstance(given, list):
        return [_one(given)]
    flat = [item for item in given if isinstance(item, int | str)]
    if any(isinstance(item, int) for item in flat):
        if len(flat) < len(given):
            raise invalid("`prompt`: expected tokens and texts, or lists of these, not both.")
        return [flat]
    return [_one(item) for item in given if not isinstance(item, int)]


def _one(given: str | Mixed | PromptObject) -> Prompt:
    if not isinstance(given, PromptObject):
        return given
    if given.multimodal_data:
        raise invalid("`prompt.multimodal_data`: this model reads text only, no pictures and no sound.")
    return given.prompt_string
