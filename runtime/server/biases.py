"""The texts in a request's `logit_bias`: each stands for the tokens that it is made of, as in llama-server."""

import asyncio

from runtime.server.fields import TOKEN_ID, Bias, BiasEntry, GenerationFields
from runtime.server.problem import invalid
from runtime.server.questions import tokenize
from runtime.server.service import Service

MAX_TEXTS = 256
MAX_TEXT_CHARACTERS = 1024


async def spell_out(service: Service, fields: GenerationFields) -> None:
    """Replace the texts in `fields.logit_bias` by their tokens. Raises: Problem."""
    entries = _entries(fields.logit_bias)
    texts = sorted({token for token, _ in entries if isinstance(token, str)})
    if not texts:
        return
    if len(texts) > MAX_TEXTS or any(len(text) > MAX_TEXT_CHARACTERS for text in texts):
        raise invalid(f"`logit_bias`: expected at most {MAX_TEXTS} texts of at most {MAX_TEXT_CHARACTERS} characters.")
    found = await asyncio.gather(*(tokenize(service, text, parse_special=False) for text in texts))
    tokens = {text: tokenized.tokens for text, tokenized in zip(texts, found, strict=True)}
    fields.logit_bias = [
        (token, bias) for key, bias in entries for token in (tokens[key] if isinstance(key, str) else [key])
    ]


def _entries(given: dict[str, Bias] | list[BiasEntry] | None) -> list[BiasEntry]:
    """What was given as pairs. The keys of an object are texts, too: those of digits alone are tokens."""
    if isinstance(given, dict):
        return [(int(key) if TOKEN_ID.fullmatch(key) else key, bias) for key, bias in given.items()]
    return given or []
