"""POST /api/chat: the next turn of a conversation, as lines of JSON unless the request says `"stream": false`."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.chat import CallBegan, CallGrew, Conversation, Piece, Said, Thought
from runtime.server.body import read_json
from runtime.server.conversing import Exchange, converse, make_exchange, replies
from runtime.server.ollama.answers import GeneratedAnswer, frame, likelihoods, measured
from runtime.server.ollama.body import AnswerFields
from runtime.server.ollama.dialect import STYLE
from runtime.server.ollama.loaded import Loaded, is_unload, loaded, unload
from runtime.server.ollama.thinking import thinking
from runtime.server.ollama.turns import CallField, MessageField, ToolField, tools, turns, unfinished
from runtime.server.replies import json_response
from runtime.server.spoken import Call, Ended, Reply, Spoken
from runtime.server.sse import Chunk, respond

Message = dict[str, object]


class ChatBody(AnswerFields, kw_only=True):
    """The request; without messages it loads the model, or unloads it with a `keep_alive` of 0."""

    messages: list[MessageField] | None = None
    tools: Annotated[list[ToolField], Meta(max_length=256)] | None = None


class AnswerMessage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The model's turn, or what came of it since the line before; calls come whole."""

    role: str
    content: str
    thinking: str | None = None
    tool_calls: list[CallField] | None = None


class ChatAnswer(GeneratedAnswer, kw_only=True):
    """The answer; of a stream, each line."""

    message: AnswerMessage


async def answer(request: web.Request) -> web.StreamResponse:
    """Give the next turn of the conversation, in Ollama's form."""
    body = await read_json(request, ChatBody)
    if not body.messages and is_unload(body):
        return _nothing(await unload(request, body), "unload")
    async with loaded(request, body) as model:
        if not body.messages:
            return _nothing(model.name, "load")
        exchange = _exchange(model, body)
        if body.streams:
            return await respond(request, _lines(model, body, exchange), STYLE)
        return json_response(_whole(model, body, (await replies(model.service, exchange))[0]))


def _nothing(name: str, reason: str) -> web.Response:
    return json_response({**frame(name, done=True), "message": _message(), "done_reason": reason})


def _exchange(model: Loaded, body: ChatBody) -> Exchange:
    messages = turns(body.messages or [])
    prefill = unfinished(messages)
    think = thinking(body.think, model.service.facts(), model.name)
    conversation = Conversation(
        messages=messages,
        tools=tools(body.tools),
        prefill=prefill,
        thinking=think.wanted,
        effort=think.effort,
    )
    return make_exchange(
        model.service, body.generation(), conversation, adapters=model.adapters, n_probs=body.n_alternatives
    )


def _whole(model: Loaded, body: ChatBody, reply: Reply) -> Chunk:
    calls = [told for place, call in enumerate(reply.calls) if (told := _call(place, call))]
    whole: Message = {**frame(model.name), "message": _message(reply.text, reply.reasoning, calls)}
    if reply.finished:
        whole |= measured(model, reply.finished, reply.n_prompt)
    return whole | likelihoods(reply.probabilities, body.n_top)


async def _lines(model: Loaded, body: ChatBody, exchange: Exchange) -> AsyncGenerator[Chunk, None]:
    teller = _Teller()
    reply = Reply()
    async with aclosing(converse(model.service, exchange)) as events:
        async for _, event in events:
            reply.take(event)
            if isinstance(event, Spoken):
                likely = likelihoods(event.probabilities, body.n_top)
                for message in teller.take(event.pieces):
                    yield {**frame(model.name), "message": message, **likely}
                    likely = {}
            elif isinstance(event, Ended):
                for message in teller.finish():
                    yield {**frame(model.name), "message": message}
                yield {**frame(model.name), "message": _message(), **measured(model, event.finished, reply.n_prompt)}


class _Teller:
    """Makes messages of an answer's pieces; a call is held until all of its arguments are there."""

    def __init__(self) -> None:
        self._n_calls = 0
        self._call: Call | None = None

    def take(self, pieces: Iterable[Piece]) -> Iterator[Message]:
        """Yield what the next pieces say."""
        for piece in pieces:
            if isinstance(piece, CallGrew) and self._call:
                self._call.arguments += piece.arguments
                continue
            yield from self.finish()
            if isinstance(piece, CallBegan):
                self._call = Call(piece.id, piece.name)
            elif isinstance(piece, Said):
                yield _message(piece.text)
            elif isinstance(piece, Thought):
                yield _message(thoughts=piece.text)

    def finish(self) -> Iterator[Message]:
        """Yield the call that is held, now that it grows no more."""
        if self._call and (told := _call(self._n_calls, self._call)):
            self._n_calls += 1
            yield _message(calls=[told])
        self._call = None


def _message(content: str = "", thoughts: str = "", calls: list[Message] | None = None) -> Message:
    message: Message = {"role": "assistant", "content": content}
    if thoughts:
        message["thinking"] = thoughts
    if calls:
        message["tool_calls"] = calls
    return message


def _call(place: int, call: Call) -> Message | None:
    """A call as Ollama writes it; None when it was cut off, as nobody could run it."""
    if call.is_cut:
        return None
    return {"id": call.id, "function": {"index": place, "name": call.name, "arguments": call.parsed}}
