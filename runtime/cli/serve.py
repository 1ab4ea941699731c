"""The server modes: the default one, which opens the browser, and `--server`."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from runtime import hardware
from runtime.cli import chats, logs, models
from runtime.cli.browser import open_browser
from runtime.cli.flags import Options
from runtime.cli.port import Port
from runtime.cli.requests import sampling
from runtime.cli.source import ModelSource
from runtime.cli.systemd import Notifier
from runtime.console import Console
from runtime.engine.client import EngineClient
from runtime.engine.fleet import Fleet, Model
from runtime.engine.launch import Worker
from runtime.engine.routing import ModelEntry
from runtime.errors import LmfileError, UsageError
from runtime.payload import Payload
from runtime.server.options import ChatDefaults, ReasoningFormat, ServerOptions
from runtime.server.serve import serve as serve_http
from runtime.server.stop import Stop
from runtime.server.traces.settings import trace_settings
from runtime.version import VERSION

EXIT_INTERRUPTED = 130
TELL_EVERY_S = 0.2


def serve(
    options: Options, model: ModelSource, payload: Payload | None, worker: Worker, port: Port, console: Console
) -> int:
    """Serve until told to stop; return the exit code.

    Raises: the engine's error when it never came up; an engine that dies later is replaced.
    """
    logs.set_up(options, console)
    listed = models.entries(options, payload, model, worker.config, console)
    return asyncio.run(_serve(options, listed, worker, port, console))


async def _serve(options: Options, listed: Sequence[ModelEntry], worker: Worker, port: Port, console: Console) -> int:
    fleet = _fleet(options, listed, worker)
    engine = fleet.main.engine
    stop = Stop()
    machine: dict[str, object] = {}
    with stop.on_signals():
        try:
            await fleet.start()
            watch = asyncio.create_task(_watch(engine, machine, stop, console))
            tell = asyncio.create_task(_tell(Notifier(os.environ), engine, stop))
            settings = _settings(options, listed[0], port, machine)
            await serve_http(port.sockets, settings, fleet, stop, _announcement(options, port, console))
            watch.cancel()
            tell.cancel()
        finally:
            await fleet.stop()
    if engine.failure and engine.facts is None:
        raise engine.failure
    return EXIT_INTERRUPTED if stop.signal == signal.SIGINT else 0


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


def _settings(options: Options, main: ModelEntry, port: Port, machine: dict[str, object]) -> ServerOptions:
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
        cache_prompt=not options.no_cache_prompt,
        n_keep=options.keep,
        slot_dir=_slot_dir(options),
        embd_normalize=options.embd_normalize,
        traces=trace_settings(options.otlp_endpoint, os.environ)[0],
    )


def _slot_dir(options: Options) -> Path | None:
    if options.slot_save_path is None:
        return None
    folder = Path(options.slot_save_path).absolute()
    if not folder.is_dir():
        raise UsageError(
            f"Reading the command line: --slot-save-path is `{folder}`, which is no folder; make it first."
        )
    return folder


def _announcement(options: Options, port: Port, console: Console) -> Callable[[], None]:
    def announce() -> None:
        console.note(f"listening on {port.url}")
        if options.server or options.nobrowser or port.url.startswith("unix:"):
            return
        if not open_browser(port.url):
            console.note(f"open {port.url} in a browser to chat; Ctrl-C ends")

    return announce
