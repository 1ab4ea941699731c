"""The server modes: the default one, which opens the browser, and `--server`."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

from runtime import hardware
from runtime.cli import chats, logs, models
from runtime.cli.browser import open_browser
from runtime.cli.double_click import Found, is_double_click
from runtime.cli.flags import Options
from runtime.cli.port import Port
from runtime.cli.requests import sampling
from runtime.cli.source import ModelSource, publisher, system_prompt
from runtime.cli.systemd import Notifier
from runtime.console import Console
from runtime.engine.client import EngineClient
from runtime.engine.fleet import Fleet, Model
from runtime.engine.launch import Worker
from runtime.engine.routing import ModelEntry
from runtime.errors import LmfileError, UsageError
from runtime.payload import Assistant, Payload
from runtime.server.options import ChatDefaults, ReasoningFormat, ServerOptions
from runtime.server.serve import serve as serve_http
from runtime.server.stop import Stop
from runtime.server.traces.settings import trace_settings
from runtime.version import VERSION

EXIT_INTERRUPTED = 130
log = logging.getLogger(logs.LIFE)
TELL_EVERY_S = 0.2


class Start(NamedTuple):
    """What was read, found and taken before there was a server."""

    options: Options
    model: ModelSource
    payload: Payload | None
    port: Port
    found: Found


def serve(start: Start, worker: Worker, console: Console) -> int:
    """Serve until told to stop; return the exit code.

    Raises: the engine's error when it never came up; an engine that dies later is replaced.
    """
    logs.set_up(start.options, console)
    listed = models.entries(start.options, start.payload, start.model, worker.config, console)
    return asyncio.run(_serve(start, listed, worker, console))


async def _serve(start: Start, listed: Sequence[ModelEntry], worker: Worker, console: Console) -> int:
    fleet = _fleet(start.options, listed, worker)
    engine = fleet.main.engine
    stop = Stop()
    machine: dict[str, object] = {}
    with stop.on_signals():
        try:
            await fleet.start()
            watch = asyncio.create_task(_watch(engine, machine, stop, console))
            tell = asyncio.create_task(_tell(Notifier(os.environ), engine, stop))
            settings = _settings(start, listed[0], machine, _end(stop, console))
            await serve_http(start.port.sockets, settings, fleet, stop, _announcement(start, settings, console))
            watch.cancel()
            tell.cancel()
        finally:
            await fleet.stop()
    if engine.failure and engine.facts is None:
        raise engine.failure
    return EXIT_INTERRUPTED if stop.signal == signal.SIGINT else 0


def _end(stop: Stop, console: Console) -> Callable[[str], None]:
    def end(reason: str) -> None:
        console.note(reason)
        log.info(reason)
        stop.ask()

    return end


def _fleet(options: Options, listed: Sequence[ModelEntry], worker: Worker) -> Fleet:
    main, *others = listed
    offered = [Model(main, EngineClient(main.config, worker, options.max_restarts))]
    offered += [Model(entry, EngineClient(entry.config, max_deaths=options.max_restarts)) for entry in others]
    return Fleet(offered, models.limits(options))


async def _watch(engine: EngineClient, machine: dict[str, object], stop: Stop, console: Console) -> None:
    """Say what the model runs on once it is loaded; end the program if it cannot be."""
    try:
        facts = await engine.wait_ready()
    except LmfileError:
        stop.ask()
        return
    report = await asyncio.to_thread(hardware.report)
    machine.update(report.as_dict())
    console.note(report.line(facts))


async def _tell(notifier: Notifier, engine: EngineClient, stop: Stop) -> None:
    """Keep systemd informed, if it listens: loading, ready, stopping."""
    if not notifier:
        return
    while engine.state == "loading":
        notifier.loading(engine.progress)
        await asyncio.sleep(TELL_EVERY_S)
    if engine.facts is not None:
        notifier.ready(f"serving {engine.facts.name}")
    await stop.asked()
    notifier.stopping()


def _chats(options: Options) -> ChatDefaults:
    return ChatDefaults(
        thinks=chats.thinks(options),
        effort=chats.effort(options),
        values=chats.values(options),
        budget_tokens=options.reasoning_budget,
        budget_message=options.reasoning_budget_message or "",
        reasoning_format=cast(ReasoningFormat, options.reasoning_format.lower()),
    )


def _settings(start: Start, main: ModelEntry, machine: dict[str, object], end: Callable[[str], None]) -> ServerOptions:
    options, port = start.options, start.port
    assistant = publisher(start.model, start.payload)
    return ServerOptions(
        alias=main.name,
        model_path=main.config.model_path,
        build=f"lmfile {VERSION}",
        keys=port.keys,
        allow_hosts=tuple(filter(None, (options.allow_host or "").split(","))),
        cors_origins=port.origins,
        prefix=port.prefix,
        tls=port.tls,
        timeout_s=options.timeout or None,
        max_per_address=options.max_per_address,
        hardware=machine,
        chats=_chats(options),
        sampling=sampling(options),
        max_tokens=options.predict,
        stop=options.stop,
        cache_prompt=not options.no_cache_prompt,
        n_keep=options.keep,
        slot_dir=_slot_dir(options),
        embd_normalize=options.embd_normalize,
        traces=trace_settings(options.otlp_endpoint, os.environ)[0],
        assistant=assistant,
        read_icon=_icon_reader(assistant, start.payload),
        system_prompt=system_prompt(options, assistant),
        quit_after_s=options.quit_after * 60 if _opens_page(start) else None,
        end=end,
    )


def _icon_reader(assistant: Assistant, payload: Payload | None) -> Callable[[], bytes] | None:
    member = payload.member(assistant.icon) if payload else None
    return partial(payload.read, member) if payload and member else None


def _opens_page(start: Start) -> bool:
    return is_double_click(start.options) and not start.port.url.startswith("unix:")


def _slot_dir(options: Options) -> Path | None:
    if options.slot_save_path is None:
        return None
    folder = Path(options.slot_save_path).absolute()
    if not folder.is_dir():
        raise UsageError(
            f"Reading the command line: --slot-save-path is `{folder}`, which is no folder; make it first."
        )
    return folder


def _announcement(start: Start, settings: ServerOptions, console: Console) -> Callable[[], None]:
    def announce() -> None:
        url = start.port.url
        console.note(f"listening on {url}")
        log.info("listening on %s", url)
        start.found.tell(url, settings.instance)
        if _opens_page(start) and not open_browser(url):
            console.note(f"open {url} in a browser to chat; Ctrl-C ends")

    return announce
