"""OpenAI's dialect: chat completions, completions and models, each with and without `/v1`."""

from aiohttp import web

from runtime.server.openai import chat, completions, models

ROUTES = [
    web.post("/v1/chat/completions", chat.answer),
    web.post("/chat/completions", chat.answer),
    web.post("/v1/completions", completions.answer),
    web.get("/v1/models", models.listing),
    web.get("/models", models.listing),
    web.get("/v1/models/{id:.+}", models.one),
    web.get("/models/{id:.+}", models.one),
]
