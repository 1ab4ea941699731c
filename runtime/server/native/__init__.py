"""llama.cpp's dialect: completion, health and props."""

from aiohttp import web

from runtime.server.native import completion, props

HEALTH_PATHS = ("/health", "/v1/health")

ROUTES = [
    web.post("/completion", completion.answer),
    web.post("/completions", completion.answer),
    web.get("/props", props.props),
    *(web.get(path, props.health) for path in HEALTH_PATHS),
]
