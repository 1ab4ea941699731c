"""POST /v1/rerank, /rerank and /reranking: Jina's form, and with `texts` that of text-embeddings-inference."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.engine.protocol import Failed, Ranked, Rerank
from runtime.server.body import read_json
from runtime.server.embedding import usage
from runtime.server.problem import from_engine, invalid
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service


class Document(msgspec.Struct):
    """A document of Jina's that is an object."""

    text: str


class RerankBody(msgspec.Struct, kw_only=True):
    """The request; fields not named here are ignored."""

    query: str
    model: str | None = None
    documents: list[str | Document] | None = None
    texts: list[str] | None = None
    top_n: Annotated[int, Meta(ge=0)] | None = None
    return_documents: bool | None = None
    return_text: bool | None = None

    def given(self) -> list[str]:
        """Return the documents. Raises: Problem when there are none."""
        if self.texts is not None:
            found = self.texts
        else:
            found = [one if isinstance(one, str) else one.text for one in self.documents or []]
        if not found:
            raise invalid(f"`{'documents' if self.texts is None else 'texts'}`: expected at least one text.")
        return found


async def answer(request: web.Request) -> web.Response:
    """The documents by how well they answer the query, the best first."""
    body = await read_json(request, RerankBody)
    documents = body.given()
    async with request.app[SERVICE].resolve(body.model, "rerank") as service:
        ranked = await _rank(service, body.query, documents)
        order = sorted(range(len(documents)), key=lambda place: -ranked.scores[place])[: body.top_n]
        if body.texts is not None:
            return json_response([_scored(place, ranked, body, documents) for place in order])
        return json_response(
            {
                "model": service.options.alias,
                "object": "list",
                "usage": usage(ranked.n_tokens),
                "results": [_relevant(place, ranked, body, documents) for place in order],
            }
        )


async def _rank(service: Service, query: str, documents: list[str]) -> Ranked:
    found = await service.engine.ask(Rerank(id=service.engine.new_id(), query=query, documents=documents))
    if isinstance(found, Failed):
        raise from_engine(found)
    if not isinstance(found, Ranked):
        raise TypeError(f"asked for scores, the engine answered {type(found).__name__}")
    return found


def _relevant(place: int, ranked: Ranked, body: RerankBody, documents: list[str]) -> dict[str, object]:
    found: dict[str, object] = {"index": place, "relevance_score": ranked.scores[place]}
    return {**found, "document": {"text": documents[place]}} if body.return_documents else found


def _scored(place: int, ranked: Ranked, body: RerankBody, documents: list[str]) -> dict[str, object]:
    found: dict[str, object] = {"index": place, "score": ranked.scores[place]}
    return {**found, "text": documents[place]} if body.return_text else found
