"""GET /slots, what is computed now; POST /slots/{id}, to save, restore or erase what a slot remembers."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from runtime.engine.protocol import Inspect, SlotAction, SlotDone, SlotState, State
from runtime.server.body import read_json
from runtime.server.native.slot_files import slot_path
from runtime.server.problem import Problem, invalid, unavailable
from runtime.server.questions import ask
from runtime.server.replies import json_response
from runtime.server.service import SERVICE, Service

Action = Literal["save", "restore", "erase"]


class SlotsQuery(msgspec.Struct, kw_only=True):
    """fail_on_no_slot: a 503 when all slots are busy, whatever it says."""

    fail_on_no_slot: str | None = None
    model: str | None = None


class NextToken(msgspec.Struct, kw_only=True):
    """How far an answer is. n_remain: tokens it may still have; -1: as many as it likes."""

    has_next_token: bool
    has_new_line: bool
    n_remain: int
    n_decoded: int


class Slot(msgspec.Struct, kw_only=True):
    """One place in the batch; the fields from `id_task` on only while something is computed there."""

    id: int
    n_ctx: int
    speculative: bool
    is_processing: bool
    id_task: int | UnsetType = UNSET
    n_prompt_tokens: int | UnsetType = UNSET
    n_prompt_tokens_processed: int | UnsetType = UNSET
    n_prompt_tokens_cache: int | UnsetType = UNSET
    next_token: list[NextToken] | UnsetType = UNSET


class ActionQuery(msgspec.Struct, kw_only=True):
    """What to do with the slot."""

    action: Action | None = None
    model: str | None = None


class Took(msgspec.Struct, kw_only=True):
    """How long it took."""

    save_ms: float | UnsetType = UNSET
    restore_ms: float | UnsetType = UNSET


class Done(msgspec.Struct, kw_only=True):
    """What was done: tokens and bytes that were saved to or restored from the file, or tokens that were erased."""

    id_slot: int
    filename: str | UnsetType = UNSET
    n_saved: int | UnsetType = UNSET
    n_written: int | UnsetType = UNSET
    n_restored: int | UnsetType = UNSET
    n_read: int | UnsetType = UNSET
    n_erased: int | UnsetType = UNSET
    timings: Took | UnsetType = UNSET


class SlotBody(msgspec.Struct, kw_only=True):
    """The request; `filename` for all but erase."""

    filename: Annotated[str, Meta(max_length=1024)]


async def listing(request: web.Request) -> web.Response:
    """Each slot, busy or not. Raises: Problem with `?fail_on_no_slot=1` when all are busy."""
    async with request.app[SERVICE].resolve(request.query.get("model")) as service:
        state = await ask(service, Inspect(id=service.engine.new_id()), State)
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
            return json_response(Done(id_slot=number, n_erased=done.n_tokens))
        filename = (await read_json(request, SlotBody)).filename
        done = await _do(service, number, action, slot_path(folder, filename))
        return json_response(_told(action, number, filename, done))


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
    return await ask(service, command, SlotDone)


def _told(action: Action, number: int, filename: str, done: SlotDone) -> Done:
    told = Done(id_slot=number, filename=filename)
    if action == "save":
        told.n_saved, told.n_written, told.timings = done.n_tokens, done.n_bytes, Took(save_ms=done.took_ms)
    else:
        told.n_restored, told.n_read, told.timings = done.n_tokens, done.n_bytes, Took(restore_ms=done.took_ms)
    return told


def _slot(slot: SlotState, n_ctx: int, speculative: bool) -> Slot:
    known = Slot(id=slot.slot, n_ctx=n_ctx, speculative=speculative, is_processing=slot.request is not None)
    if slot.request is not None:
        known.id_task = slot.request
        known.n_prompt_tokens = slot.n_prompt
        known.n_prompt_tokens_processed = slot.n_computed
        known.n_prompt_tokens_cache = slot.n_cached
        known.next_token = [
            NextToken(
                has_next_token=True,
                has_new_line=slot.has_new_line,
                n_remain=slot.n_left,
                n_decoded=slot.n_predicted,
            )
        ]
    return known
