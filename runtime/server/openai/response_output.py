"""The items of a response, and the events that tell how each of them begins, grows and ends."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

Status = Literal["in_progress", "completed", "incomplete"]
Told = dict[str, object]


def new_id(prefix: str) -> str:
    """Return a name that nobody can guess."""
    return f"{prefix}_{secrets.token_hex(24)}"


class OutputItem(Protocol):
    """An item that is being written."""

    def begin(self) -> Iterator[Told]:
        """The events before its first text."""

    def grow(self, text: str, logprobs: Sequence[Told] = ()) -> Told:
        """The event of the next text."""

    def end(self, status: Status) -> Iterator[Told]:
        """The events after its last text."""

    def told(self, status: Status) -> Told:
        """The item as it is now."""


class MessageItem:
    """Text for the person who asked."""

    def __init__(self, place: int) -> None:
        self._where: Told = {"item_id": new_id("msg"), "output_index": place, "content_index": 0}
        self._texts: list[str] = []
        self._logprobs: list[Told] = []

    def begin(self) -> Iterator[Told]:
        yield _item("added", self._where, {**self.told("in_progress"), "content": []})
        yield {"type": "response.content_part.added", **self._where, "part": self._part()}

    def grow(self, text: str, logprobs: Sequence[Told] = ()) -> Told:
        self._texts.append(text)
        self._logprobs += logprobs
        return {"type": "response.output_text.delta", **self._where, "delta": text, "logprobs": logprobs}

    def end(self, status: Status) -> Iterator[Told]:
        text = "".join(self._texts)
        yield {"type": "response.output_text.done", **self._where, "text": text, "logprobs": self._logprobs}
        yield {"type": "response.content_part.done", **self._where, "part": self._part()}
        yield _item("done", self._where, self.told(status))

    def told(self, status: Status) -> Told:
        head = {"id": self._where["item_id"], "type": "message", "role": "assistant", "status": status}
        return {**head, "content": [self._part()]}

    def _part(self) -> Told:
        text, logprobs = "".join(self._texts), list(self._logprobs)
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


class ReasoningItem:
    """What the model thinks before it answers."""

    def __init__(self, place: int) -> None:
        self._where: Told = {"item_id": new_id("rs"), "output_index": place, "content_index": 0}
        self._texts: list[str] = []

    def begin(self) -> Iterator[Told]:
        yield _item("added", self._where, {**self.told("in_progress"), "content": []})
        yield {"type": "response.content_part.added", **self._where, "part": self._part()}

    def grow(self, text: str, logprobs: Sequence[Told] = ()) -> Told:
        self._texts.append(text)
        return {"type": "response.reasoning_text.delta", **self._where, "delta": text}

    def end(self, status: Status) -> Iterator[Told]:
        yield {"type": "response.reasoning_text.done", **self._where, "text": "".join(self._texts)}
        yield {"type": "response.content_part.done", **self._where, "part": self._part()}
        yield _item("done", self._where, self.told(status))

    def told(self, status: Status) -> Told:
        head = {"id": self._where["item_id"], "type": "reasoning", "status": status, "summary": []}
        return {**head, "content": [self._part()]}

    def _part(self) -> Told:
        return {"type": "reasoning_text", "text": "".join(self._texts)}


class CallItem:
    """The call of a tool."""

    def __init__(self, place: int, call_id: str, name: str) -> None:
        self._where: Told = {"item_id": new_id("fc"), "output_index": place}
        self._call: Told = {"call_id": call_id, "name": name}
        self._texts: list[str] = []

    def begin(self) -> Iterator[Told]:
        yield _item("added", self._where, self.told("in_progress"))

    def grow(self, text: str, logprobs: Sequence[Told] = ()) -> Told:
        self._texts.append(text)
        return {"type": "response.function_call_arguments.delta", **self._where, "delta": text}

    def end(self, status: Status) -> Iterator[Told]:
        arguments = {"name": self._call["name"], "arguments": "".join(self._texts)}
        yield {"type": "response.function_call_arguments.done", **self._where, **arguments}
        yield _item("done", self._where, self.told(status))

    def told(self, status: Status) -> Told:
        head = {"id": self._where["item_id"], "type": "function_call", "status": status}
        return {**head, **self._call, "arguments": "".join(self._texts)}


def _item(what: str, where: Told, item: Told) -> Told:
    return {"type": f"response.output_item.{what}", "output_index": where["output_index"], "item": item}
