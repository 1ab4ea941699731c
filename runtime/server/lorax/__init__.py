"""LoRAX's dialect: texts continued with adapters of a request's choice, token by token if it wants."""

from runtime.server.lorax import embed, generate, info
from runtime.server.lorax.answers import GenerateAnswer
from runtime.server.lorax.dialect import LORAX
from runtime.server.lorax.parameters import GenerateBody, PostBody
from runtime.server.route import Route

ADAPTER_STATUS = frozenset({424})

ROUTES = [
    Route(
        method="POST",
        paths=("/",),
        handler=generate.answer_either,
        dialect=LORAX,
        body=PostBody,
        answer=list[GenerateAnswer],
        stream="sse",
        statuses=ADAPTER_STATUS,
    ),
    Route(
        method="POST",
        paths=("/generate",),
        handler=generate.answer,
        dialect=LORAX,
        body=GenerateBody,
        answer=GenerateAnswer,
        statuses=ADAPTER_STATUS,
    ),
    Route(
        method="POST",
        paths=("/generate_stream",),
        handler=generate.answer_stream,
        dialect=LORAX,
        body=GenerateBody,
        media="text/event-stream",
        statuses=ADAPTER_STATUS,
    ),
    Route(
        method="POST",
        paths=("/embed",),
        handler=embed.answer,
        dialect=LORAX,
        body=embed.EmbedBody,
        answer=embed.EmbedAnswer,
    ),
    Route(method="GET", paths=("/info",), handler=info.answer, dialect=LORAX, answer=info.Info),
]
