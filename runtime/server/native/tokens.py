"""POST /tokenize and /detokenize: text as the model's tokens, and back."""

import msgspec
from aiohttp import web

from runtime.engine.protocol import Prompt, Tokenized
from runtime.server.body import read_json
from runtime.server.fields import check_tokens
from runtime.server.questions import detokenize, tokenize
from runtime.server.replies import json_response
from runtime.server.service import SERVICE


class TokenizeBody(msgspec.Struct, kw_only=True):
    """The request. content: a text, or tokens and texts in turn."""

    content: Prompt | None = None
    add_special: bool | None = None
    parse_special: bool | None = None
    with_pieces: bool | None = None
    model: str | None = None


class PieceOfText(msgspec.Struct, kw_only=True):
    """A token with its text, or with its bytes where these are no text by themselves."""

    id: int
    piece: str | list[int]


class Tokens(msgspec.Struct, kw_only=True):
    """The answer: numbers, or with `with_pieces` objects."""

    tokens: list[int | PieceOfText]


class DetokenizeBody(msgspec.Struct, kw_only=True):
    """The request."""

    tokens: list[int] | None = None
    model: str | None = None


class Text(msgspec.Struct, kw_only=True):
    """The answer."""

    content: str


async def to_tokens(request: web.Request, body: TokenizeBody) -> web.Response:
    """The tokens of a text; the address belongs to two dialects, so `shared_routes.py` has read the request."""
    async with request.app[SERVICE].resolve(body.model) as service:
        if isinstance(body.content, list):
            given = [item for item in body.content if isinstance(item, int)]
            check_tokens(given, service.facts().n_vocab, "content")
        found = await tokenize(
            service,
            body.content or "",
            add_special=bool(body.add_special),
            parse_special=body.parse_special is not False,
        )
        return json_response(Tokens(tokens=_with_pieces(found) if body.with_pieces else [*found.tokens]))


async def to_text(request: web.Request) -> web.Response:
    """The text of tokens."""
    body = await read_json(request, DetokenizeBody)
    async with request.app[SERVICE].resolve(body.model) as service:
        tokens = check_tokens(body.tokens or [], service.facts().n_vocab, "tokens")
        return json_response(Text(content=await detokenize(service, tokens)))


def _with_pieces(found: Tokenized) -> list[int | PieceOfText]:
    return [PieceOfText(id=token, piece=_piece(raw)) for token, raw in zip(found.tokens, found.pieces, strict=True)]


def _piece(raw: bytes) -> str | list[int]:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return list(raw)
