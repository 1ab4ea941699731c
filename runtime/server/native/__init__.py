"""llama.cpp's dialect: completion, embedding, rerank, slots, adapters, health and props."""

from aiohttp import web

from runtime.server.native import adapters, completion, embedding, props, rerank, slots

HEALTH_PATHS = ("/health", "/v1/health")

ROUTES = [
    web.post("/completion", completion.answer),
    web.post("/completions", completion.answer),
    web.post("/embedding", embedding.answer),
    web.post("/embeddings", embedding.answer_list),
    *(web.post(path, rerank.answer) for path in ("/v1/rerank", "/rerank", "/v1/reranking", "/reranking")),
    web.get("/props", props.props),
    web.get("/slots", slots.listing),
    web.post("/slots/{id}", slots.act),
    web.get("/lora-adapters", adapters.listing),
    web.post("/lora-adapters", adapters.change),
    *(web.get(path, props.health) for path in HEALTH_PATHS),
]
