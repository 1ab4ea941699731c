"""GET /v1/models and /v1/models/{id}."""

from aiohttp import web

from runtime.engine.fleet import Model
from runtime.engine.protocol import ModelFacts
from runtime.server.problem import no_such_model
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service


async def listing(request: web.Request) -> web.Response:
    """Every model there is, loaded or not."""
    service = request.app[SERVICE]
    return json_response({"object": "list", "data": [_listed(service, model) for model in service.fleet.models]})


async def one(request: web.Request) -> web.Response:
    """The model of that name. Raises: Problem when there is none."""
    service, name = request.app[SERVICE], request.match_info["id"]
    for model in service.fleet.models:
        if name in (model.entry.name, *model.entry.aliases):
            return json_response(_listed(service, model))
    known = ", ".join(f"`{entry.name}`" for entry in service.fleet.entries)
    raise no_such_model(f"There is no model `{name[:200]}`; there is {known}.")


def _listed(service: Service, model: Model) -> dict[str, object]:
    entry, facts = model.entry, model.engine.facts
    return {
        "id": entry.name,
        "aliases": list(entry.aliases),
        "object": "model",
        "created": service.started,
        "owned_by": "lmfile",
        "role": entry.role,
        "status": {"value": model.status, **_failure(model)},
        "meta": _meta(facts) if facts else None,
    }


def _failure(model: Model) -> dict[str, object]:
    failed = model.status == "failed"
    return {"failed": True, "message": str(model.engine.failure)} if failed else {}


def _meta(facts: ModelFacts) -> dict[str, object]:
    return {
        "vocab_type": facts.vocab_type,
        "n_vocab": facts.n_vocab,
        "n_ctx": facts.n_ctx,
        "n_ctx_train": facts.n_ctx_train,
        "n_embd": facts.n_embd,
        "n_params": facts.parameters,
        "size": facts.size_bytes,
        "ftype": facts.file_type,
    }
