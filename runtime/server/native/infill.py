"""POST /infill: what stands between a beginning and an end, for models that were trained to fill it in.

The prompt is the one that these models know, from whole projects down to the gap:

    [rep]myproject ⏎ [sep]name ⏎ text … [sep]filename ⏎ [pre]beginning [suf]end [mid]
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.engine.protocol import ModelFacts, Prompt
from runtime.server.body import read_json
from runtime.server.fields import check_tokens
from runtime.server.infilling import infill_prompt
from runtime.server.native.completion import NativeFields, complete
from runtime.server.problem import Problem
from runtime.server.questions import tokenize
from runtime.server.service import SERVICE, Service

PROJECT = "myproject\n"
FILE = "filename\n"
NAMELESS = "tmp"
SEPARATOR = "\n\n--- snippet ---\n\n"
"""Between further texts, for models without a token for it."""

PARTS = {"pre": "prefix", "suf": "suffix", "mid": "middle"}


class Extra(msgspec.Struct, kw_only=True):
    """Another file of the project."""

    text: str
    filename: Annotated[str, Meta(max_length=1024)] | None = None


class InfillBody(NativeFields, kw_only=True):
    """The request. prompt: what the answer begins with already, which stands after the beginning."""

    input_prefix: Prompt
    input_suffix: Prompt
    input_extra: Annotated[list[Extra], Meta(max_length=1024)] | None = None
    prompt: str | None = None


async def answer(request: web.Request) -> web.StreamResponse:
    """Fill in what is missing between `input_prefix` and `input_suffix`. Raises: Problem; 501 for other models."""
    body = await read_json(request, InfillBody)
    async with request.app[SERVICE].resolve(body.model) as service:
        check_model(service.facts())
        return await complete(request, service, body, [await _prompt(service, body)])


def check_model(facts: ModelFacts) -> None:
    """Raise the Problem of a model that has no tokens for the parts."""
    missing = [f"{word} token is missing." for part, word in PARTS.items() if part not in facts.infill]
    if missing:
        message = f"Infill is not supported by this model: {' '.join(missing)}"
        raise Problem(501, "not_supported_error", message)


async def _prompt(service: Service, body: InfillBody) -> Prompt:
    facts, extras = service.facts(), body.input_extra or []
    for field, given in (("input_prefix", body.input_prefix), ("input_suffix", body.input_suffix)):
        if isinstance(given, list):
            check_tokens([item for item in given if isinstance(item, int)], facts.n_vocab, field)
    prefix, suffix, begun, *texts = await asyncio.gather(
        _tokens(service, body.input_prefix),
        _tokens(service, body.input_suffix),
        _tokens(service, body.prompt or "", parse_special=True),
        *(_tokens(service, piece) for piece in _project(extras, facts.infill)),
    )
    limit = body.limit(service.options.max_tokens)
    project = [token for tokens in texts for token in tokens]
    n_batch = min(service.model.entry.config.n_batch, facts.n_ctx)
    return fitted(facts, prefix, suffix, begun, project, n_batch=n_batch, n_predict=limit)


def fitted(
    facts: ModelFacts,
    prefix: list[int],
    suffix: list[int],
    begun: list[int],
    project: list[int],
    *,
    n_batch: int,
    n_predict: int,
) -> Prompt:
    """Return the prompt, cut as llama-server cuts it.

    A quarter of `n_batch` is for the end, the rest for the beginning, of which the last tokens count. The project
    gets what the context has beside these and twice the answer; of it, too, the last tokens count.
    """
    quarter = n_batch // 4
    before = prefix[max(0, len(prefix) - 3 * quarter) :]
    after = suffix[: max(0, quarter - (2 + len(begun)))]
    n_project = max(0, facts.n_ctx - n_batch - 2 * max(0, n_predict))
    gap = infill_prompt(facts, [*before, *begun], [*after], "prompt")
    return [*project[max(0, len(project) - n_project) :], *gap]


def _project(extras: list[Extra], tokens: Mapping[str, int]) -> list[Prompt]:
    """What stands before the beginning, piece by piece: texts that are cut without special tokens in them."""
    found: list[Prompt] = [[tokens["rep"]], PROJECT] if "rep" in tokens else []
    for extra in extras:
        if "sep" in tokens:
            found += [[tokens["sep"]], f"{extra.filename or NAMELESS}\n", extra.text]
        else:
            found += [SEPARATOR, extra.text]
    return [*found, [tokens["sep"]], FILE] if "sep" in tokens else found


async def _tokens(service: Service, content: Prompt, *, parse_special: bool = False) -> list[int]:
    if not content:
        return []
    return (await tokenize(service, content, parse_special=parse_special)).tokens
