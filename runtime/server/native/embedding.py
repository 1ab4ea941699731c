"""POST /embedding and /embeddings: llama-server's list, and the object that llamafile's clients read.

{"input": …}    both     [{"index": 0, "embedding": [[…]]}, …]    one row, or one per token with pooling none
{"content": …}  /embeddings: the same; /embedding: {"embedding": […]} for one text,
                {"results": [{"embedding": […]}, …]} for a list
"""

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from runtime.server.body import read_json
from runtime.server.embedding import EmbeddingBody, embed, listed, written
from runtime.server.replies import json_response
from runtime.server.service import SERVICE


class Vector(msgspec.Struct, kw_only=True):
    """The vector of one text."""

    embedding: list[float] | str


class LlamafileVectors(msgspec.Struct, kw_only=True):
    """llamafile's answer to `content`: the vector of one text, or those of several."""

    embedding: list[float] | str | UnsetType = UNSET
    results: list[Vector] | UnsetType = UNSET


async def answer_list(request: web.Request) -> web.Response:
    """The list of llama-server."""
    body = await read_json(request, EmbeddingBody)
    async with request.app[SERVICE].resolve(body.model, "embed") as service:
        return json_response(await listed(service, body))


async def answer(request: web.Request) -> web.Response:
    """The list for `input`, the object for `content`."""
    body = await read_json(request, EmbeddingBody)
    async with request.app[SERVICE].resolve(body.model, "embed") as service:
        pooling = body.pooling or service.facts().pooling
        if body.input is not None or body.content is None or pooling == "none":
            return json_response(await listed(service, body))
        embedded = await embed(service, body)
        vectors = await written([rows[0] for rows in embedded.vectors], body)
        results = [{"embedding": vector} for vector in vectors]
        return json_response(results[0] if body.is_one else {"results": results})
