"""POST /api/embed, vectors of texts, and the older POST /api/embeddings, the vector of one, as long as it comes out."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.server.body import read_json
from runtime.server.embedding import EmbeddingBody, embed, written
from runtime.server.ollama.loaded import Loaded, ModelFields, loaded
from runtime.server.ollama.options import OptionFields
from runtime.server.problem import Problem
from runtime.server.questions import tokenize
from runtime.server.replies import json_response

RAW = -1
"""Of the older route: its vectors are not made one long."""


class EmbedBody(ModelFields, kw_only=True):
    """The request. truncate: cut texts that are too long for the model, which is the default; false refuses them."""

    input: str | list[str] | None = None
    truncate: bool | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    options: OptionFields | None = None


class EmbedAnswer(msgspec.Struct, kw_only=True):
    """A vector for each text; durations in nanoseconds."""

    model: str
    embeddings: list[list[float]]
    total_duration: int
    load_duration: int
    prompt_eval_count: int


class EmbeddingsBody(ModelFields, kw_only=True):
    """The older request, for one text."""

    prompt: str | None = None
    options: OptionFields | None = None


class EmbeddingsAnswer(msgspec.Struct, kw_only=True):
    """The vector of one text; empty without one."""

    embedding: list[float]


async def answer(request: web.Request) -> web.Response:
    """One vector for each text; without texts the model is loaded."""
    body = await read_json(request, EmbedBody)
    texts = [body.input] if isinstance(body.input, str) else body.input or []
    if texts == [""]:
        texts = []
    async with loaded(request, body, "embed") as model:
        wanted = EmbeddingBody(input=[*texts], dimensions=body.dimensions)
        vectors, n_tokens = await _vectors(model, wanted, cut=body.truncate is not False)
        return json_response(
            {"model": model.name, "embeddings": vectors, **model.durations(), "prompt_eval_count": n_tokens}
        )


async def answer_old(request: web.Request) -> web.Response:
    """The vector of one text, not normalized."""
    body = await read_json(request, EmbeddingsBody)
    async with loaded(request, body, "embed") as model:
        wanted = EmbeddingBody(input=[body.prompt] if body.prompt else [], embd_normalize=RAW)
        vectors, _ = await _vectors(model, wanted, cut=True)
        return json_response({"embedding": vectors[0] if vectors else []})


async def _vectors(model: Loaded, body: EmbeddingBody, *, cut: bool) -> tuple[list[object], int]:
    """Return the vectors, and how many tokens they are of."""
    if not body.input:
        return [], 0
    try:
        embedded = await embed(model.service, body)
    except Problem as refusal:
        if not cut or refusal.kind != "exceed_context_size_error":
            raise
        embedded = await embed(model.service, await _shortened(model, body))
    return await written([rows[0] for rows in embedded.vectors], body), sum(embedded.n_tokens)


async def _shortened(model: Loaded, body: EmbeddingBody) -> EmbeddingBody:
    """The same texts, each cut to what the model takes at once."""
    n_ctx = model.service.facts().n_ctx
    texts: list[int | str | list[int]] = []
    for text in body.input or []:
        tokens = (await tokenize(model.service, str(text), add_special=True, parse_special=False)).tokens
        texts.append(_without_middle(tokens, n_ctx))
    return msgspec.structs.replace(body, input=texts)


def _without_middle(tokens: list[int], n_most: int) -> list[int]:
    """The beginning of a text; its last token stays, which for these models marks its end."""
    return tokens if len(tokens) <= n_most else [*tokens[: n_most - 1], tokens[-1]]
