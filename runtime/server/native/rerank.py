"""POST /v1/rerank, /rerank and /reranking: Jina's form, and with `texts` that of text-embeddings-inference."""

from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from runtime.engine.protocol import Ranked, Rerank
from runtime.server.body import read_json
from runtime.server.problem import Problem, invalid
from runtime.server.questions import ask
from runtime.server.replies import json_response
from runtime.server.service import SERVICE


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


class Usage(msgspec.Struct, kw_only=True):
    """Tokens that were read."""

    prompt_tokens: int
    total_tokens: int


class Relevant(msgspec.Struct, kw_only=True):
    """A document by its place in the request; its text with `return_documents`."""

    index: int
    relevance_score: float
    document: Document | UnsetType = UNSET


class Relevance(msgspec.Struct, kw_only=True):
    """Jina's form."""

    model: str
    usage: Usage
    results: list[Relevant]
    object: Literal["list"] = "list"


class Scored(msgspec.Struct, kw_only=True):
    """A text of text-embeddings-inference by its place in the request; the text itself with `return_text`."""

    index: int
    score: float
    text: str | UnsetType = UNSET


async def answer(request: web.Request) -> web.Response:
    """The documents by how well they answer the query, the best first."""
    body = await read_json(request, RerankBody)
    documents = body.given()
    async with request.app[SERVICE].resolve(body.model, "rerank") as service:
        if not service.facts().reranks:
            message = f"The model `{service.options.alias}` scores no documents: it has no classification head."
            raise Problem(501, "not_supported_error", message)
        question = Rerank(id=service.engine.new_id(), query=body.query, documents=documents)
        ranked = await ask(service, question, Ranked)
        order = sorted(range(len(documents)), key=lambda place: -ranked.scores[place])[: body.top_n]
        if body.texts is not None:
            return json_response([_scored(place, ranked, body, documents) for place in order])
        return json_response(
            Relevance(
                model=service.options.alias,
                usage=Usage(prompt_tokens=ranked.n_tokens, total_tokens=ranked.n_tokens),
                results=[_relevant(place, ranked, body, documents) for place in order],
            )
        )


def _relevant(place: int, ranked: Ranked, body: RerankBody, documents: list[str]) -> Relevant:
    document = Document(text=documents[place]) if body.return_documents else UNSET
    return Relevant(index=place, relevance_score=ranked.scores[place], document=document)


def _scored(place: int, ranked: Ranked, body: RerankBody, documents: list[str]) -> Scored:
    text = documents[place] if body.return_text else UNSET
    return Scored(index=place, score=ranked.scores[place], text=text)
