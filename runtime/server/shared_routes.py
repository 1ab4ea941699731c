"""Addresses that belong to two dialects: those that both have, and those of one with the request of the other.

/tokenize        llama.cpp's and LoRAX's: what the request holds decides who answers
/apply-template  llama.cpp's, with the request of OpenAI's chats
"""

import msgspec
from aiohttp import web

from runtime.server.body import read_json
from runtime.server.conversing import render
from runtime.server.lorax.tokens import CutToken, cut_tokens
from runtime.server.native import tokens as native_tokens
from runtime.server.native.dialect import NATIVE
from runtime.server.openai.chat_request import ChatFields
from runtime.server.questions import tokenize
from runtime.server.replies import json_response
from runtime.server.route import Route
from runtime.server.service import SERVICE


class TokenizeBody(native_tokens.TokenizeBody, kw_only=True):
    """The request: `content` and what belongs to it are llama.cpp's, `inputs` and `add_special_tokens` LoRAX's."""

    inputs: str | None = None
    add_special_tokens: bool | None = None


async def to_tokens(request: web.Request) -> web.Response:
    """The tokens of a text: for `content` their numbers, as llama.cpp does, for `inputs` a list, as LoRAX does."""
    body = await read_json(request, TokenizeBody)
    if body.content is not None or body.inputs is None:
        return await native_tokens.to_tokens(request, body)
    async with request.app[SERVICE].resolve(body.model) as service:
        found = await tokenize(service, body.inputs, add_special=body.add_special_tokens is not False)
        return json_response(cut_tokens(body.inputs, found))


class RenderedPrompt(msgspec.Struct, kw_only=True):
    """What the model's template makes of a conversation."""

    prompt: str


async def to_prompt(request: web.Request) -> web.Response:
    """The prompt that a chat completion with this request would be the answer to."""
    body = await read_json(request, ChatFields)
    async with request.app[SERVICE].resolve(body.model) as service:
        rendered = await render(service, body, body.conversation())
        return json_response(RenderedPrompt(prompt=rendered.prompt))


ROUTES = [
    Route(
        method="POST",
        paths=("/tokenize",),
        handler=to_tokens,
        dialect=NATIVE,
        body=TokenizeBody,
        answer=native_tokens.Tokens | list[CutToken],
    ),
    Route(
        method="POST",
        paths=("/apply-template",),
        handler=to_prompt,
        dialect=NATIVE,
        body=ChatFields,
        answer=RenderedPrompt,
    ),
]
