"""POST /embed: the vector of one text."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.server.body import read_json
from runtime.server.embedding import EmbeddingBody, embed, written
from runtime.server.replies import json_response
from runtime.server.service import SERVICE


class EmbedBody(msgspec.Struct, kw_only=True):
    """The request."""

    inputs: Annotated[str, Meta(min_length=1)]


class EmbedAnswer(msgspec.Struct, kw_only=True):
    """One vector, whatever the name says."""

    embeddings: list[float]


async def answer(request: web.Request) -> web.Response:
    """The vector of a text."""
    body = await read_json(request, EmbedBody)
    wanted = EmbeddingBody(input=[body.inputs])
    async with request.app[SERVICE].resolve(None, "embed") as service:
        embedded = await embed(service, wanted)
        vectors = await written(embedded.vectors[0][:1], wanted)
        return json_response({"embeddings": vectors[0]})
