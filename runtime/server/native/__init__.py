"""llama.cpp's dialect: completion, embedding, rerank, slots, adapters, health and props."""

from runtime.server.adapters import LoraFields
from runtime.server.embedding import EmbeddingBody
from runtime.server.native import adapters, completion, embedding, props, rerank, slots
from runtime.server.native.dialect import NATIVE
from runtime.server.route import Route

HEALTH_PATHS = ("/health", "/v1/health")

ROUTES = [
    Route(
        method="POST",
        paths=("/completion", "/completions"),
        handler=completion.answer,
        dialect=NATIVE,
        body=completion.NativeBody,
        stream="sse",
    ),
    Route(method="POST", paths=("/embedding",), handler=embedding.answer, dialect=NATIVE, body=EmbeddingBody),
    Route(method="POST", paths=("/embeddings",), handler=embedding.answer_list, dialect=NATIVE, body=EmbeddingBody),
    Route(
        method="POST",
        paths=("/v1/rerank", "/rerank", "/v1/reranking", "/reranking"),
        handler=rerank.answer,
        dialect=NATIVE,
        body=rerank.RerankBody,
    ),
    Route(method="GET", paths=("/props",), handler=props.props, dialect=NATIVE),
    Route(method="GET", paths=("/slots",), handler=slots.listing, dialect=NATIVE),
    Route(method="POST", paths=("/slots/{id}",), handler=slots.act, dialect=NATIVE, statuses=frozenset({501})),
    Route(method="GET", paths=("/lora-adapters",), handler=adapters.listing, dialect=NATIVE),
    Route(method="POST", paths=("/lora-adapters",), handler=adapters.change, dialect=NATIVE, body=LoraFields),
    Route(method="GET", paths=HEALTH_PATHS, handler=props.health, dialect=NATIVE),
]
