"""OpenAI's dialect: chat completions, completions, embeddings and models, each with and without `/v1`."""

from aiohttp import web

from runtime.server.openai import chat, completions, embeddings, models

ROUTES = [
    web.post("/v1/chat/completions", chat.answer),
    web.post("/chat/completions", chat.answer),
    web.post("/v1/completions", completions.answer),
    web.post("/v1/embeddings", embeddings.answer),
    web.get("/v1/models", models.listing),
    web.get("/models", models.listing),
    web.get("/v1/models/{id:.+}", models.one),
    web.get("/models/{id:.+}", models.one),
]
