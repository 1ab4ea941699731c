"""A whole answer as Anthropic's clients read it."""

import secrets
from typing import Literal

import msgspec

from runtime.engine.protocol import Finished, Started
from runtime.server.anthropic.body import MessagesBody
from runtime.server.anthropic.conversation import CALL_PREFIX
from runtime.server.spoken import Ending, Reply

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use"]

REASONS: dict[Ending, StopReason] = {
    "stop": "end_turn",
    "word": "stop_sequence",
    "length": "max_tokens",
    "calls": "tool_use",
}

SIGNATURE = "unsigned"
"""Stands for the signature of thoughts, which clients want to be some text; nobody checks it here."""


class Said(msgspec.Struct, kw_only=True, tag_field="type", tag="text"):
    """Text for the person who asked."""

    text: str


class Thought(msgspec.Struct, kw_only=True, tag_field="type", tag="thinking"):
    """What the model thought before; `signature` says nothing."""

    thinking: str
    signature: str = SIGNATURE


class Called(msgspec.Struct, kw_only=True, tag_field="type", tag="tool_use"):
    """A tool that the client is asked to run."""

    id: str
    name: str
    input: dict[str, object]


class OutputDetails(msgspec.Struct, kw_only=True):
    """Of the tokens of the answer, those of thoughts."""

    thinking_tokens: int = 0


class Usage(msgspec.Struct, kw_only=True):
    """Tokens. The prompt is the sum of the first three; nothing has to be written to make the cache."""

    input_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int = 0
    output_tokens: int
    output_tokens_details: OutputDetails


class Message(msgspec.Struct, kw_only=True, tag_field="type", tag="message"):
    """The next turn."""

    id: str
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[Said | Thought | Called]
    stop_reason: StopReason | None
    stop_sequence: str | None
    usage: Usage


class TokenCount(msgspec.Struct, kw_only=True):
    """How long a prompt is."""

    input_tokens: int


def message_id() -> str:
    """Return a new one."""
    return f"msg_{secrets.token_hex(12)}"


def whole(body: MessagesBody, reply: Reply, model: str) -> Message:
    """Return the answer as one message."""
    content: list[Said | Thought | Called] = []
    if reply.reasoning:
        content.append(Thought(thinking="" if hides_thoughts(body) else reply.reasoning))
    if reply.text.strip() or not (content or reply.calls):
        content.append(Said(text=reply.text))
    content += [Called(id=CALL_PREFIX + call.id, name=call.name, input=call.parsed) for call in reply.calls]
    reason, word = ending(reply.reason, reply.finished)
    return Message(
        id=message_id(),
        model=model,
        content=content,
        stop_reason=reason,
        stop_sequence=word,
        usage=usage(reply.started, reply.n_predicted, reply.n_thought),
    )


def hides_thoughts(body: MessagesBody) -> bool:
    """Whether the client wants to know only that there were thoughts."""
    return body.thinking is not None and body.thinking.display == "omitted"


def ending(reason: Ending, finished: Finished | None) -> tuple[StopReason, str | None]:
    """Return why the answer ended, and with which of the request's words if it was one of them."""
    return REASONS[reason], finished.stopping_word if finished and reason == "word" else None


def usage(started: Started | None, n_predicted: int, n_thought: int) -> Usage:
    """Return the counts of an answer."""
    n_prompt, n_cached = (started.n_prompt, started.n_cached) if started else (0, 0)
    return Usage(
        input_tokens=n_prompt - n_cached,
        cache_read_input_tokens=n_cached,
        output_tokens=n_predicted,
        output_tokens_details=OutputDetails(thinking_tokens=n_thought),
    )
