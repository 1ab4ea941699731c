"""An answer as Anthropic's events: each block begins, grows and ends before the next one begins.

message_start (content_block_start content_block_delta… content_block_stop)… message_delta message_stop
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import msgspec

from runtime.chat import CallBegan, CallGrew, Piece, Said, Thought
from runtime.engine.protocol import Progress, Started
from runtime.server.anthropic.answer import SIGNATURE, ending, hides_thoughts, message_id, usage
from runtime.server.anthropic.body import MessagesBody
from runtime.server.anthropic.conversation import CALL_PREFIX
from runtime.server.conversing import Exchange, converse
from runtime.server.service import Service
from runtime.server.spoken import Ended, Spoken
from runtime.server.sse import Chunk, Style, named_event

STYLE = Style(write=named_event, ping=named_event({"type": "ping"}))

BLOCKS: dict[str, Chunk] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}


async def events(service: Service, body: MessagesBody, exchange: Exchange) -> AsyncGenerator[Chunk, None]:
    """Yield the events of the answer; the first one comes with the answer's first text. Raises: Problem."""
    blocks = _Blocks(hides_thoughts(body))
    started: Started | None = None
    is_open, n_thought = False, 0
    async with aclosing(converse(service, exchange)) as answer:
        async for _, event in answer:
            if isinstance(event, Started):
                started = event
            if isinstance(event, Started | Progress):
                continue
            if not is_open:
                is_open = True
                yield _start(service, started)
            if isinstance(event, Spoken):
                n_thought += event.n_thought
                for piece in event.pieces:
                    for chunk in blocks.take(piece):
                        yield chunk
            else:
                for chunk in (*blocks.finish(), *_end(event, started, n_thought)):
                    yield chunk


def _start(service: Service, started: Started | None) -> Chunk:
    message = {
        "id": message_id(),
        "type": "message",
        "role": "assistant",
        "model": service.options.alias,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": msgspec.to_builtins(usage(started, 0, 0)),
    }
    return {"type": "message_start", "message": message}


def _end(ended: Ended, started: Started | None, n_thought: int) -> Iterator[Chunk]:
    reason, word = ending(ended.reason, ended.finished)
    counts = msgspec.to_builtins(usage(started, ended.finished.timings.predicted_n, n_thought))
    yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": word}, "usage": counts}
    yield {"type": "message_stop"}


class _Blocks:
    """The blocks of one answer. Space between others is no block of its own."""

    def __init__(self, hides_thoughts: bool) -> None:
        self._hides_thoughts = hides_thoughts
        self._open = ""
        self._index = -1
        self._space = ""

    def take(self, piece: Piece) -> Iterator[Chunk]:
        """Yield the events that say what came next."""
        if isinstance(piece, Said):
            if self._open != "text" and not piece.text.strip():
                self._space += piece.text
                return
            yield from self._begin("text")
            yield self._delta({"type": "text_delta", "text": self._space + piece.text})
            self._space = ""
        elif isinstance(piece, Thought):
            yield from self._begin("thinking")
            if not self._hides_thoughts:
                yield self._delta({"type": "thinking_delta", "thinking": piece.text})
        elif isinstance(piece, CallBegan):
            yield from self._close()
            call = {"type": "tool_use", "id": CALL_PREFIX + piece.id, "name": piece.name, "input": {}}
            yield self._opened("tool_use", call)
        elif isinstance(piece, CallGrew):
            yield self._delta({"type": "input_json_delta", "partial_json": piece.arguments})

    def finish(self) -> Iterator[Chunk]:
        """Yield what ends the last block; an answer without any gets one with what was said."""
        if self._index < 0:
            yield from self._begin("text")
            if self._space:
                yield self._delta({"type": "text_delta", "text": self._space})
        yield from self._close()

    def _begin(self, kind: str) -> Iterator[Chunk]:
        if self._open != kind:
            yield from self._close()
            yield self._opened(kind, BLOCKS[kind])

    def _opened(self, kind: str, block: Chunk) -> Chunk:
        self._open = kind
        self._index += 1
        self._space = self._space if kind == "text" else ""
        return {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, delta: Chunk) -> Chunk:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _close(self) -> Iterator[Chunk]:
        if self._open == "thinking":
            yield self._delta({"type": "signature_delta", "signature": SIGNATURE})
        if self._open:
            yield {"type": "content_block_stop", "index": self._index}
        self._open = ""
