"""GET /slots, what is computed now; POST /slots/{id}, to save, restore or erase what a slot remembers."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from runtime.engine.protocol import Failed, Inspect, SlotAction, SlotDone, SlotState, State
from runtime.server.body import read_json
from runtime.server.native.slot_files import slot_path
from runtime.server.problem import Problem, from_engine, invalid, unavailable
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service

Action = Literal["save", "restore", "erase"]


class SlotBody(msgspec.Struct, kw_only=True):
    """The request; `filename` for all but erase."""

    filename: Annotated[str, Meta(max_length=1024)]


async def listing(request: web.Request) -> web.Response:
    """Each slot, busy or not. Raises: Problem with `?fail_on_no_slot=1` when all are busy."""
    async with request.app[SERVICE].resolve(request.query.get("model")) as service:
        state = await service.engine.ask(Inspect(id=service.engine.new_id()))
        if not isinstance(state, State):
            raise _unexpected(state)
        if request.query.get("fail_on_no_slot") and all(slot.request is not None for slot in state.slots):
            raise unavailable("no slot available")
        n_ctx = service.facts().n_ctx
        speculative = service.model.entry.config.n_draft > 0
        return json_response([_slot(slot, n_ctx, speculative) for slot in state.slots])


async def act(request: web.Request) -> web.Response:
    """Do what `?action=` says. Raises: Problem; 501 without `--slot-save-path`."""
    folder = request.app[SERVICE].options.slot_dir
    if folder is None:
        message = "This server does not save or restore slots; start it with --slot-save-path DIR."
        raise Problem(501, "not_supported_error", message)
    action = _action(request)
    async with request.app[SERVICE].resolve(request.query.get("model")) as service:
        number = _number(request, service.facts().n_slots)
        if action == "erase":
            done = await _do(service, number, action)
            return json_response({"id_slot": number, "n_erased": done.n_tokens})
        filename = (await read_json(request, SlotBody)).filename
        done = await _do(service, number, action, slot_path(folder, filename))
        return json_response({"id_slot": number, "filename": filename, **_told(action, done)})


def _action(request: web.Request) -> Action:
    given = request.query.get("action", "")
    for action in ("save", "restore", "erase"):
        if given == action:
            return action
    raise invalid("`action`: expected `save`, `restore` or `erase`.")


def _number(request: web.Request, n_slots: int) -> int:
    given = request.match_info["id"]
    if not (given.isascii() and given.isdigit() and len(given) < 10 and int(given) < n_slots):
        raise invalid(f"`id`: expected a slot from 0 to {n_slots - 1}.")
    return int(given)


async def _do(service: Service, number: int, action: Action, path: Path | None = None) -> SlotDone:
    command = SlotAction(id=service.engine.new_id(), slot=number, action=action, path=str(path or ""))
    done = await service.engine.ask(command)
    if not isinstance(done, SlotDone):
        raise _unexpected(done)
    return done


def _told(action: Action, done: SlotDone) -> dict[str, object]:
    if action == "save":
        return {"n_saved": done.n_tokens, "n_written": done.n_bytes, "timings": {"save_ms": done.took_ms}}
    return {"n_restored": done.n_tokens, "n_read": done.n_bytes, "timings": {"restore_ms": done.took_ms}}


def _slot(slot: SlotState, n_ctx: int, speculative: bool) -> dict[str, object]:
    known: dict[str, object] = {
        "id": slot.slot,
        "n_ctx": n_ctx,
        "speculative": speculative,
        "is_processing": slot.request is not None,
    }
    if slot.request is None:
        return known
    return {
        **known,
        "id_task": slot.request,
        "n_prompt_tokens": slot.n_prompt,
        "n_prompt_tokens_processed": slot.n_computed,
        "n_prompt_tokens_cache": slot.n_cached,
        "next_token": [{"has_next_token": True, "n_remain": slot.n_left, "n_decoded": slot.n_predicted}],
    }


def _unexpected(event: object) -> Problem:
    if isinstance(event, Failed):
        return from_engine(event)
    return Problem(500, "server_error", "The engine answered something else than it was asked.")
