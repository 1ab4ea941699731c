"""The chunks of a streamed chat completion.

{"role": "assistant", "content": null}    once for each choice
{"content"} | {"reasoning_content"} | {"tool_calls": [{"index", …}]}
{}                                        with `finish_reason`
"choices": []                             with `usage`, if it was asked for
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from runtime import chat
from runtime.engine.protocol import Progress, Started
from runtime.server.completed import completed
from runtime.server.conversing import Exchange, converse
from runtime.server.counts import prompt_progress, timings, usage
from runtime.server.generation import Answer
from runtime.server.openai.chat_request import ChatBody
from runtime.server.openai.chunks import finish_reason, frame, token_logprobs
from runtime.server.openai.thoughts import Thoughts
from runtime.server.service import Service
from runtime.server.spoken import Ended, Event, Spoken
from runtime.server.sse import Chunk
from runtime.server.stopwatch import Stopwatch


async def chunks(service: Service, body: ChatBody, exchange: Exchange) -> AsyncGenerator[Chunk, None]:
    """Yield the chunks of all choices as they come. Raises: Problem."""
    base = frame(service, "chat.completion.chunk", "chatcmpl")
    choices = [_Choice(index, body) for index, _ in enumerate(exchange.asked)]
    measured: dict[str, object] = {}
    async with aclosing(converse(service, exchange)) as events:
        async for index, event in events:
            for choice, extra in choices[index].take(event):
                yield {**base, "choices": [choice], **extra}
            if isinstance(event, Ended):
                measured = {"timings": timings(event.finished.timings)}
                if body.verbose:
                    measured["__verbose"] = completed(service, body, exchange.asked[index], choices[index].answer)
                is_last = all(one.answer.finished for one in choices) and not body.wants_usage()
                yield {**base, "choices": [choices[index].end(event)], **(measured if is_last else {})}
    if body.wants_usage():
        counts = usage([choice.answer for choice in choices], copies=len(choices))
        yield {**base, "choices": [], "usage": counts, **measured}


class _Choice:
    """One of the answers."""

    def __init__(self, index: int, body: ChatBody) -> None:
        self.answer = Answer()
        self._index = index
        self._body = body
        self._thoughts = Thoughts(body.reasoning_format)
        self._watch = Stopwatch() if body.timings_per_token else None
        self._is_silent = True

    def take(self, event: Event) -> Iterator[tuple[Chunk, Chunk]]:
        """Yield the next choices, and what else their chunks hold."""
        if isinstance(event, Started):
            self.answer.started = event
            if self._watch is not None:
                self._watch.take(event)
            return
        if self._is_silent or isinstance(event, Progress):
            extra = {"prompt_progress": prompt_progress(event)} if isinstance(event, Progress) else {}
            self._is_silent = bool(extra)
            yield self._choice({"role": "assistant", "content": None}), extra
        if isinstance(event, Ended):
            self.answer.finished = event.finished
        elif isinstance(event, Spoken):
            yield from self._spoken(event)

    def end(self, event: Ended) -> Chunk:
        """The choice that says why the answer has ended."""
        return self._choice({}, finish_reason(event.reason, has_functions=bool(self._body.functions)))

    def _spoken(self, event: Spoken) -> Iterator[tuple[Chunk, Chunk]]:
        self.answer.n_thought += event.n_thought
        deltas = [delta for piece in event.pieces if (delta := self._delta(piece))]
        if not deltas and not self._body.logprobs:
            return
        *deltas, last = deltas or [{"content": ""}]
        for delta in deltas:
            yield self._choice(delta), {}
        choice = self._choice(last)
        if self._body.logprobs:
            choice["logprobs"] = token_logprobs(event.probabilities, self._body)
        yield choice, self._measured(len(event.tokens))

    def _delta(self, piece: chat.Piece) -> dict[str, object]:
        if isinstance(piece, chat.Said):
            return {"content": self._thoughts.end() + piece.text}
        if isinstance(piece, chat.Thought):
            return self._thoughts.placed(piece.text)
        return self._function(piece) if self._body.functions else self._tool_call(piece)

    def _tool_call(self, piece: chat.CallBegan | chat.CallGrew) -> dict[str, object]:
        if isinstance(piece, chat.CallGrew):
            return {"tool_calls": [{"index": piece.place, "function": {"arguments": piece.arguments}}]}
        function = {"name": piece.name, "arguments": ""}
        call = {"index": piece.place, "id": piece.id, "type": "function", "function": function}
        return {**self._marked_end(), "tool_calls": [call]}

    def _function(self, piece: chat.CallBegan | chat.CallGrew) -> dict[str, object]:
        if piece.place > 0:
            return {}
        if isinstance(piece, chat.CallGrew):
            return {"function_call": {"arguments": piece.arguments}}
        return {**self._marked_end(), "function_call": {"name": piece.name, "arguments": ""}}

    def _marked_end(self) -> dict[str, object]:
        mark = self._thoughts.end()
        return {"content": mark} if mark else {}

    def _measured(self, n_tokens: int) -> Chunk:
        if self._watch is None:
            return {}
        self._watch.count(n_tokens)
        return {"timings": timings(self._watch.read())}

    def _choice(self, delta: Chunk, reason: str | None = None) -> dict[str, object]:
        return {"index": self._index, "delta": delta, "finish_reason": reason}
