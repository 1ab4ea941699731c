"""OpenAI's dialect: chat completions, completions, responses, embeddings and models."""

from runtime.server.embedding import EmbeddingBody, Vectors
from runtime.server.openai import chat, completions, embeddings, models, responses
from runtime.server.openai.answers import (
    ChatCompletion,
    Embeddings,
    InputTokens,
    Model,
    Models,
    TextCompletion,
)
from runtime.server.openai.chat_request import ChatBody, ChatFields
from runtime.server.openai.completion_request import CompletionBody
from runtime.server.openai.dialect import OPENAI
from runtime.server.openai.response_answers import DeletedResponse, Response
from runtime.server.openai.response_request import ResponseBody, ResponseFields
from runtime.server.route import Route

ROUTES = [
    Route(
        method="POST",
        paths=("/v1/chat/completions", "/chat/completions"),
        handler=chat.answer,
        dialect=OPENAI,
        body=ChatBody,
        answer=ChatCompletion,
        stream="sse",
    ),
    Route(
        method="POST",
        paths=("/v1/chat/completions/input_tokens", "/chat/completions/input_tokens"),
        handler=chat.count,
        dialect=OPENAI,
        body=ChatFields,
        answer=InputTokens,
    ),
    Route(
        method="POST",
        paths=("/v1/completions",),
        handler=completions.answer,
        dialect=OPENAI,
        body=CompletionBody,
        answer=TextCompletion,
        stream="sse",
    ),
    Route(
        method="POST",
        paths=("/v1/responses", "/responses"),
        handler=responses.answer,
        dialect=OPENAI,
        body=ResponseBody,
        answer=Response,
        stream="sse",
    ),
    Route(
        method="POST",
        paths=("/v1/responses/input_tokens", "/responses/input_tokens"),
        handler=responses.count,
        dialect=OPENAI,
        body=ResponseFields,
        answer=InputTokens,
    ),
    Route(
        method="GET",
        paths=("/v1/responses/{id}", "/responses/{id}"),
        handler=responses.one,
        dialect=OPENAI,
        answer=Response,
    ),
    Route(
        method="DELETE",
        paths=("/v1/responses/{id}", "/responses/{id}"),
        handler=responses.delete,
        dialect=OPENAI,
        answer=DeletedResponse,
    ),
    Route(
        method="POST",
        paths=("/v1/embeddings",),
        handler=embeddings.answer,
        dialect=OPENAI,
        body=EmbeddingBody,
        answer=Embeddings | list[Vectors],
    ),
    Route(method="GET", paths=("/v1/models", "/models"), handler=models.listing, dialect=OPENAI, answer=Models),
    Route(
        method="GET", paths=("/v1/models/{id:.+}", "/models/{id:.+}"), handler=models.one, dialect=OPENAI, answer=Model
    ),
]
