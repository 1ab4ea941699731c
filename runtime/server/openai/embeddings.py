"""POST /v1/embeddings."""

from aiohttp import web

from runtime.server.body import read_json
from runtime.server.embedding import EmbeddingBody, embed, listed, usage, written
from runtime.server.problem import invalid
from runtime.server.replies import json_response
from runtime.server.service import SERVICE


async def answer(request: web.Request) -> web.Response:
    """One vector for each text. With `content` in place of `input` the answer is llama.cpp's, as llama-server does."""
    body = await read_json(request, EmbeddingBody)
    async with request.app[SERVICE].resolve(body.model, "embed") as service:
        if body.input is None and body.content is not None:
            return json_response(await listed(service, body))
        if (body.pooling or service.facts().pooling) == "none":
            raise invalid("`pooling`: with none each token has a vector of its own; ask /embedding for these.")
        embedded = await embed(service, body)
        vectors = await written([rows[0] for rows in embedded.vectors], body)
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        return json_response(
            {"object": "list", "data": data, "model": service.options.alias, "usage": usage(sum(embedded.n_tokens))}
        )
