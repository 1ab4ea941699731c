"""llama.cpp's dialect: completion, infill, tokens, embedding, rerank, slots, adapters, health and props."""

from runtime.server import health
from runtime.server.adapters import LoraFields
from runtime.server.embedding import EmbeddingBody, Vectors
from runtime.server.native import adapters, completion, embedding, infill, props, rerank, slots, tokens
from runtime.server.native.dialect import NATIVE
from runtime.server.route import Route

HEALTH_PATHS = ("/health", "/v1/health")
UNSUPPORTED = frozenset({501})
COMPLETIONS = completion.Chosen | list[completion.Chosen]  # type: ignore[valid-type]

ROUTES = [
    Route(
        method="POST",
        paths=("/completion", "/completions"),
        handler=completion.answer,
        dialect=NATIVE,
        body=completion.CompletionBody,
        answer=COMPLETIONS,
        stream="sse",
    ),
    Route(
        method="POST",
        paths=("/infill",),
        handler=infill.answer,
        dialect=NATIVE,
        body=infill.InfillBody,
        answer=COMPLETIONS,
        stream="sse",
        statuses=UNSUPPORTED,
    ),
    Route(
        method="POST",
        paths=("/detokenize",),
        handler=tokens.to_text,
        dialect=NATIVE,
        body=tokens.DetokenizeBody,
        answer=tokens.Text,
    ),
    Route(
        method="POST",
        paths=("/embedding",),
        handler=embedding.answer,
        dialect=NATIVE,
        body=EmbeddingBody,
        answer=list[Vectors] | embedding.LlamafileVectors,
    ),
    Route(
        method="POST",
        paths=("/embeddings",),
        handler=embedding.answer_list,
        dialect=NATIVE,
        body=EmbeddingBody,
        answer=list[Vectors],
    ),
    Route(
        method="POST",
        paths=("/v1/rerank", "/rerank", "/v1/reranking", "/reranking"),
        handler=rerank.answer,
        dialect=NATIVE,
        body=rerank.RerankBody,
        answer=rerank.Relevance | list[rerank.Scored],
        statuses=UNSUPPORTED,
    ),
    Route(
        method="GET",
        paths=("/props",),
        handler=props.props,
        dialect=NATIVE,
        query=props.PropsQuery,
        answer=props.Props,
    ),
    Route(method="POST", paths=("/props",), handler=props.change, dialect=NATIVE, statuses=UNSUPPORTED),
    Route(
        method="GET",
        paths=("/slots",),
        handler=slots.listing,
        dialect=NATIVE,
        query=slots.SlotsQuery,
        answer=list[slots.Slot],
    ),
    Route(
        method="POST",
        paths=("/slots/{id}",),
        handler=slots.act,
        dialect=NATIVE,
        query=slots.ActionQuery,
        body=slots.SlotBody,
        answer=slots.Done,
        statuses=UNSUPPORTED,
    ),
    Route(
        method="GET", paths=("/lora-adapters",), handler=adapters.listing, dialect=NATIVE, answer=list[adapters.Adapter]
    ),
    Route(
        method="POST",
        paths=("/lora-adapters",),
        handler=adapters.change,
        dialect=NATIVE,
        body=LoraFields,
        answer=adapters.Changed,
    ),
    Route(method="GET", paths=HEALTH_PATHS, handler=health.answer, dialect=NATIVE, answer=health.Health),
]
