"""GET /v1/models and /v1/models/{id}."""

from aiohttp import web

from runtime.server.problem import not_found
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service


async def listing(request: web.Request) -> web.Response:
    """The one model there is."""
    return json_response({"object": "list", "data": [_model(request.app[SERVICE])]})


async def one(request: web.Request) -> web.Response:
    """The model of that name. Raises: Problem when it has another one."""
    service = request.app[SERVICE]
    if request.match_info["id"] != service.options.alias:
        raise not_found(f"There is no model `{request.match_info['id'][:200]}`; it is `{service.options.alias}`.")
    return json_response(_model(service))


def _model(service: Service) -> dict[str, object]:
    facts = service.facts()
    return {
        "id": service.options.alias,
        "object": "model",
        "created": service.started,
        "owned_by": "lmfile",
        "meta": {
            "vocab_type": facts.vocab_type,
            "n_vocab": facts.n_vocab,
            "n_ctx": facts.n_ctx,
            "n_ctx_train": facts.n_ctx_train,
            "n_embd": facts.n_embd,
            "n_params": facts.parameters,
            "size": facts.size_bytes,
            "ftype": facts.file_type,
        },
    }
