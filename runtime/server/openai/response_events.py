"""What happens to a response while it is written, event by event; whole answers are the last of them.

response.created, response.in_progress
    for each item: output_item.added, what is in it, output_item.done
response.completed | response.incomplete | response.failed
"""

import time
from collections.abc import Iterator, Mapping, Sequence

from runtime import chat
from runtime.engine.protocol import Progress, Started, TokenProbability
from runtime.server.counts import usage
from runtime.server.openai.response_output import CallItem, MessageItem, OutputItem, ReasoningItem, Status, Told
from runtime.server.probabilities import drawn_token
from runtime.server.spoken import Ended, Event, Reply, Spoken


class ResponseEvents:
    """Writes one response; `response` is what it is by now, `reply` what the model has said."""

    def __init__(self, head: Told, n_top: int | None) -> None:
        """head: the response without its output. n_top: likely tokens told for each; None: no logprobs."""
        self.reply = Reply()
        self.response: Told = {**head, "output": []}
        self._n_top = n_top
        self._items: list[OutputItem] = []
        self._n_events = 0

    def take(self, event: Event) -> Iterator[Told]:
        """Take in what the engine tells; yield the events of it."""
        self.reply.take(event)
        if isinstance(event, Started | Progress):
            return
        if not self._n_events:
            yield self._numbered({"type": "response.created", "response": self.response})
            yield self._numbered({"type": "response.in_progress", "response": self.response})
        for told in self._ended(event) if isinstance(event, Ended) else self._spoken(event):
            yield self._numbered(told)

    def failed(self, body: Mapping[str, object]) -> Told:
        """The last event of a response that broke; `body`: of the refusal."""
        error = body.get("error")
        message = error.get("message") if isinstance(error, Mapping) else None
        self.response |= {"status": "failed", "error": {"code": "server_error", "message": message}}
        return self._numbered({"type": "response.failed", "response": self.response})

    def _numbered(self, told: Told) -> Told:
        self._n_events += 1
        return {**told, "sequence_number": self._n_events - 1}

    def _spoken(self, event: Spoken) -> Iterator[Told]:
        logprobs = self._told_logprobs(event.probabilities)
        for piece in event.pieces:
            if isinstance(piece, chat.CallBegan):
                yield from self._open(CallItem(len(self._items), piece.id, piece.name))
            elif isinstance(piece, chat.CallGrew):
                yield self._items[-1].grow(piece.arguments)
            else:
                wanted = MessageItem if isinstance(piece, chat.Said) else ReasoningItem
                if not self._items or not isinstance(self._items[-1], wanted):
                    yield from self._open(wanted(len(self._items)))
                yield self._items[-1].grow(piece.text, logprobs)
                logprobs = []

    def _open(self, item: OutputItem) -> Iterator[Told]:
        if self._items:
            yield from self._items[-1].end("completed")
        self._items.append(item)
        yield from item.begin()

    def _ended(self, event: Ended) -> Iterator[Told]:
        status: Status = "incomplete" if event.reason == "length" else "completed"
        if not self._items:
            yield from self._open(MessageItem(0))
        yield from self._items[-1].end(status)
        output = [*(item.told("completed") for item in self._items[:-1]), self._items[-1].told(status)]
        self.response |= {"status": status, "output": output, "usage": _usage(self.reply)}
        if status == "incomplete":
            self.response["incomplete_details"] = {"reason": "max_output_tokens"}
        else:
            self.response["completed_at"] = int(time.time())
        yield {"type": f"response.{status}", "response": self.response}

    def _told_logprobs(self, probabilities: Sequence[TokenProbability]) -> list[Told]:
        if self._n_top is None:
            return []
        return [drawn_token(drawn, self._n_top, after_sampling=False) for drawn in probabilities]


def _usage(reply: Reply) -> Told:
    counts = usage([reply], copies=1)
    n_cached = reply.started.n_cached if reply.started else 0
    return {
        "input_tokens": counts["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": n_cached, "cache_write_tokens": reply.n_prompt - n_cached},
        "output_tokens": counts["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": reply.n_thought},
        "total_tokens": counts["total_tokens"],
    }
