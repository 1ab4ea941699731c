"""GET /health: whether the main model answers and why not, and where every other model is.

Needs no key and loads nothing: supervisors and load balancers ask it every few seconds.
"""

from typing import Literal

import msgspec
from aiohttp import web

from runtime.engine.fleet import Model, Status
from runtime.server.dialect import error_of
from runtime.server.problem import Problem, loading, unavailable
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service, check_ready


class ModelHealth(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where a model is; `progress` of its loading from 0 to 1, `reason` why it is not there."""

    name: str
    state: Status
    progress: float | None = None
    reason: str | None = None
    restarts: int = 0


class Health(msgspec.Struct, kw_only=True):
    """The main model answers, or is asleep and will."""

    status: Literal["ok"] = "ok"
    models: list[ModelHealth]


async def answer(request: web.Request) -> web.Response:
    """Whether requests are answered now, and where each model is; with 503, why they are not."""
    service = request.app[SERVICE]
    models = [_of(model) for model in service.fleet.models]
    try:
        _check(service)
    except Problem as problem:
        status, body = error_of(request, problem)
        return json_response({**body, "models": models}, status=status, headers=problem.headers)
    return json_response(Health(models=models))


def _check(service: Service) -> None:
    """Raise the Problem that says why the main model does not answer."""
    check_ready(service)
    if service.engine.state == "loading":
        raise loading()
    if service.engine.state == "failed":
        raise unavailable(str(service.engine.failure))


def _of(model: Model) -> ModelHealth:
    engine, status = model.engine, model.status
    return ModelHealth(
        name=model.entry.name,
        state=status,
        progress=round(engine.progress, 3) if status == "loading" else None,
        reason=str(engine.failure) if status == "failed" else None,
        restarts=engine.n_deaths,
    )
