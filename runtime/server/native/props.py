"""GET /health, what a supervisor asks, and GET /props, what a client asks before its first request."""

from aiohttp import web

from runtime.engine.protocol import Generate
from runtime.server.native.settings import settings
from runtime.server.problem import RETRY_SOON_S, unavailable
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, check_ready


async def health(request: web.Request) -> web.Response:
    """`ok` once the model answers. Raises: Problem with the reason why it does not."""
    service = request.app[SERVICE]
    check_ready(service)
    if service.engine.state == "loading":
        raise unavailable("Loading model", RETRY_SOON_S)
    if service.engine.state == "failed":
        raise unavailable(str(service.engine.failure))
    return json_response({"status": "ok"})


async def props(request: web.Request) -> web.Response:
    """What is served and how; `hardware` is lmfile's own addition."""
    service = request.app[SERVICE]
    options = service.options
    facts = service.facts()
    defaults = Generate(id=0, max_tokens=options.max_tokens, sampling=options.sampling)
    return json_response(
        {
            "default_generation_settings": {
                "params": settings(defaults, seed=options.sampling.seed, stream=True),
                "n_ctx": facts.n_ctx,
            },
            "total_slots": facts.n_slots,
            "model_alias": options.alias,
            "model_path": options.model_path,
            "model_ftype": facts.file_type,
            "modalities": {"vision": False, "video": False, "audio": False},
            "chat_template": facts.chat_template,
            "bos_token": facts.bos_token,
            "eos_token": facts.eos_token,
            "build_info": options.build,
            "is_sleeping": service.model.status == "unloaded",
            "endpoint_slots": True,
            "endpoint_props": False,
            "endpoint_metrics": False,
            "hardware": dict(options.hardware),
        }
    )
