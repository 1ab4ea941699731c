"""Anthropic's dialect: messages, whole or streamed, with tools and thinking, and the counting of their tokens."""

from runtime.server.anthropic import messages
from runtime.server.anthropic.answer import Message, TokenCount
from runtime.server.anthropic.body import CountBody, MessagesBody
from runtime.server.anthropic.dialect import ANTHROPIC
from runtime.server.route import Route

ROUTES = [
    Route(
        method="POST",
        paths=("/v1/messages",),
        handler=messages.answer,
        dialect=ANTHROPIC,
        body=MessagesBody,
        answer=Message,
        stream="sse",
    ),
    Route(
        method="POST",
        paths=("/v1/messages/count_tokens",),
        handler=messages.count,
        dialect=ANTHROPIC,
        body=CountBody,
        answer=TokenCount,
    ),
]
