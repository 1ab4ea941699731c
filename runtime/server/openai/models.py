"""GET /v1/models and /v1/models/{id}, with what the clients of Anthropic, who ask at the same address, look for."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from aiohttp import web

from runtime.engine.fleet import Model
from runtime.engine.protocol import ModelFacts
from runtime.server.adapters import ADAPTERS
from runtime.server.problem import no_such_model
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service


async def listing(request: web.Request) -> web.Response:
    """Every model there is, loaded or not, and after each its adapters."""
    return json_response({"object": "list", "data": [listed async for _, listed in _all(request)]})


async def one(request: web.Request) -> web.Response:
    """The model or adapter of that name. Raises: Problem when there is none."""
    service, name = request.app[SERVICE], request.match_info["id"]
    async for names, listed in _all(request):
        if name in names:
            return json_response(listed)
    known = ", ".join(f"`{entry.name}`" for entry in service.fleet.entries)
    raise no_such_model(f"There is no model `{name[:200]}`; there is {known}.")


async def _all(request: web.Request) -> AsyncIterator[tuple[tuple[str, ...], dict[str, object]]]:
    """Yield the names that mean a model or an adapter, and what is told of it."""
    service, book = request.app[SERVICE], request.app[ADAPTERS]
    for model in service.fleet.models:
        listed = _listed(service, model)
        yield model.entry.names, listed
        for adapter in await book.listed(model):
            name = adapter.wanted.name
            yield (name,), {**listed, "id": name, "display_name": name, "aliases": [], "parent": model.entry.name}


def _listed(service: Service, model: Model) -> dict[str, object]:
    entry, facts = model.entry, model.engine.facts
    return {
        "id": entry.name,
        "aliases": list(entry.aliases),
        "object": "model",
        "created": service.started,
        "owned_by": "lmfile",
        "type": "model",
        "display_name": entry.name,
        "created_at": datetime.fromtimestamp(service.started, UTC).isoformat(),
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
