"""JSON as this server writes it."""

import json
from collections.abc import Mapping

import msgspec
from aiohttp import web

_encoder = msgspec.json.Encoder()


def json_response(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A whole answer, in UTF-8."""
    return web.Response(
        body=_encoder.encode(value), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


def ascii_json(value: object) -> bytes:
    """One line of pure ASCII.

    Clients split a stream with Python's `splitlines`, which also breaks at U+0085, U+2028,
    U+2029 and others: raw in the JSON they would cut a line in two.
    """
    encoded = _encoder.encode(value)
    if encoded.isascii():
        return encoded
    return json.dumps(msgspec.json.decode(encoded), ensure_ascii=True, separators=(",", ":")).encode("ascii")
