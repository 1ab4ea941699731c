"""The request for vectors that all dialects share, and how vectors are written."""

import asyncio
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runtime.engine.protocol import Embed, Embedded
from runtime.server.fields import check_tokens
from runtime.server.problem import invalid
from runtime.server.questions import ask
from runtime.server.service import Service
from runtime.vectors import in_base64, numbers, shortened

Inputs = str | list[int | str | list[int]]
WRITTEN_AT_ONCE = 64
"""Vectors; then others have their turn: thousands take seconds."""

_encoder = msgspec.json.Encoder()


class EmbeddingBody(msgspec.Struct, kw_only=True):
    """The request; fields not named here are ignored. `content` is llama.cpp's name for `input`."""

    model: str | None = None
    input: Inputs | None = None
    content: Inputs | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    pooling: Literal["none", "mean", "cls", "last"] | None = None
    embd_normalize: Annotated[int, Meta(ge=-1, le=1000)] | None = None

    @property
    def given(self) -> Inputs:
        """The texts. Raises: Problem when there are none."""
        given = self.content if self.input is None else self.input
        if given is None:
            raise invalid("`input`: expected a text, tokens, or a list of either.")
        return given

    @property
    def is_one(self) -> bool:
        """Whether a single text was given, not a list of them."""
        return isinstance(self.given, str) or bool(self.given and isinstance(self.given[0], int))

    def texts(self, n_vocab: int) -> list[str | list[int]]:
        """Return the texts and token lists in their order. Raises: Problem."""
        field = "content" if self.input is None else "input"
        given = self.given
        if isinstance(given, str):
            return [given]
        tokens = [item for item in given if isinstance(item, int)]
        if tokens and len(tokens) < len(given):
            raise invalid(f"`{field}`: expected tokens or texts, not both.")
        texts = [tokens] if tokens else [item for item in given if not isinstance(item, int)]
        if not texts or not all(text or isinstance(text, str) for text in texts):
            raise invalid(f"`{field}`: expected at least one text, and no empty list of tokens.")
        for text in texts:
            if isinstance(text, list):
                check_tokens(text, n_vocab, field)
        return [*texts]


class Vectors(msgspec.Struct, kw_only=True):
    """The vectors of one text: one, or with pooling `none` one for each of its tokens. base64 where that was asked."""

    index: int
    embedding: list[list[float] | str]


async def embed(service: Service, body: EmbeddingBody) -> Embedded:
    """Return the vectors of a request. Raises: Problem."""
    facts = service.facts()
    if body.dimensions is not None and body.dimensions > facts.n_embd:
        raise invalid(f"`dimensions`: expected at most {facts.n_embd}, the length of this model's vectors.")
    default = service.options.embd_normalize
    request = Embed(
        id=service.engine.new_id(),
        inputs=body.texts(facts.n_vocab),
        pooling=body.pooling or "",
        normalize=default if body.embd_normalize is None else body.embd_normalize,
    )
    return await ask(service, request, Embedded)


async def written(vectors: list[bytes], body: EmbeddingBody) -> list[object]:
    """Return the vectors as the request wants them: lists of numbers, or base64; shortened if it says so."""
    found: list[object] = []
    for place, vector in enumerate(vectors):
        if place % WRITTEN_AT_ONCE == WRITTEN_AT_ONCE - 1:
            await asyncio.sleep(0)
        if body.dimensions is not None:
            vector = shortened(vector, body.dimensions)
        if body.encoding_format == "base64":
            found.append(in_base64(vector))
        else:
            found.append(msgspec.Raw(_encoder.encode(numbers(vector).tolist())))
    return found


async def listed(service: Service, body: EmbeddingBody) -> list[dict[str, object]]:
    """Return the vectors in llama-server's form, which are `Vectors`. Raises: Problem."""
    embedded = await embed(service, body)
    return [{"index": index, "embedding": await written(rows, body)} for index, rows in enumerate(embedded.vectors)]


def usage(n_tokens: int) -> dict[str, int]:
    """The counts of a request that generates nothing."""
    return {"prompt_tokens": n_tokens, "total_tokens": n_tokens}
