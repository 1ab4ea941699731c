"""The main flow of the executable: flags, model, worker, mode; and from every failure to its exit code."""

import gc
import os
import sys
from collections.abc import Callable, Sequence

from runtime.cli import about, signals
from runtime.cli.flags import Options
from runtime.cli.parse import parse
from runtime.cli.source import ModelSource, find_draft, find_model, own_payload, publisher, system_prompt
from runtime.console import Console
from runtime.engine.config import WorkerConfig
from runtime.engine.launch import Worker, launch
from runtime.engine.routing import ModelEntry
from runtime.errors import (
    AdapterInvalid,
    AdapterNotFound,
    AdapterUnsupported,
    EngineDied,
    EngineRefused,
    LmfileError,
    OutOfMemory,
    PayloadDamaged,
)
from runtime.payload import Payload

EXIT_INTERRUPTED = 130
EXIT_BUG = 70
NOT_OF_THE_WEIGHTS = frozenset(
    cause.exit_code for cause in (OutOfMemory, AdapterNotFound, AdapterInvalid, AdapterUnsupported)
)
"""Why a worker may refuse to start though the packed model is sound."""

DRAFTED_BY_A_MODEL = 8
"""Tokens that a draft model guesses ahead where --draft-max does not say."""


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit code. Never raises."""
    _speak_utf8()
    console = Console()
    signals.end_at_once(console.clear)
    try:
        return _run(arguments, console)
    except LmfileError as error:
        console.error(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except MemoryError:
        console.error("Starting: the system gave no memory; close other programs and try again.")
        return OutOfMemory.exit_code
    except Exception as error:
        console.error(f"This is a bug in lmfile: {type(error).__name__}: {error} ({_where(error)}); please report it.")
        return EXIT_BUG


def _run(arguments: list[str], console: Console) -> int:
    options, warnings = parse(arguments)
    payload = own_payload()
    if payload and payload.manifest.defaults:
        from runtime.cli.defaults import with_defaults  # most executables have none

        options, unusable = with_defaults(options, payload.manifest.defaults, is_foreign=options.model is not None)
        warnings += unusable
    for warning in warnings:
        console.warning(warning)
    if about.wanted(options):
        return about.show(options, payload, console)
    if options.install_desktop or options.remove_desktop:
        from runtime.cli import desktop

        return desktop.change(options, payload, console)
    model = find_model(options, payload)
    if model.foreign:
        console.note(f"Using `{model.path}`, which is not part of this executable.")
    try:
        return _start(options, model, payload, console)
    except (EngineRefused, EngineDied) as error:
        if payload and not model.foreign and error.exit_code not in NOT_OF_THE_WEIGHTS:
            _check_weights(payload, error)
        raise


def _start(options: Options, model: ModelSource, payload: Payload | None, console: Console) -> int:
    """Start the worker and run the mode that was asked for; return the exit code."""
    if options.prompt is None and not options.chat:
        return _serve(options, model, payload, console)
    options.system_prompt = system_prompt(options, publisher(model, payload))
    worker = _launch(options, model, payload, console)
    if options.prompt is not None:
        from runtime.cli.ask import ask

        return ask(options, worker, console, publisher(model, payload).messages)
    from runtime.cli.chat.loop import chat

    def known() -> Sequence[ModelEntry]:
        from runtime.cli.models import entries  # asyncio and the server's client, for a chat that changes its model

        return entries(options, payload, model, worker.config, console)

    return chat(options, worker, known, publisher(model, payload), console)


def _serve(options: Options, model: ModelSource, payload: Payload | None, console: Console) -> int:
    """Take the port, start the worker, and import the server while it loads the model; or show the page of another."""
    from runtime.cli.double_click import find, show
    from runtime.cli.port import open_port
    from runtime.server.traces.settings import trace_settings

    found = find(options, payload)
    if found.url:
        return show(found.url, console)
    traces, warning = trace_settings(options.otlp_endpoint, os.environ)
    if warning:
        console.warning(warning)
    last = [found.leave]
    try:
        port = open_port(options)
        last.append(port.remove_paths)
        signals.end_at_once(console.clear, *last)
        worker = _launch(options, model, payload, console, *last)
        if port.tls is None and not (traces and traces.is_encrypted):
            without_tls()
        gc.disable()  # nothing of what an import makes is garbage: 8 of 110 ms
        from runtime.cli.serve import Start, serve

        gc.freeze()
        gc.enable()
        return serve(Start(options, model, payload, port, found), worker, console)
    finally:
        for step in last:
            step()


def _launch(
    options: Options, model: ModelSource, payload: Payload | None, console: Console, *last: Callable[[], None]
) -> Worker:
    """Start the worker, which from now on ends with this process, as do the `last` steps."""
    worker = launch(_worker_config(options, model, payload))
    signals.end_at_once(console.clear, worker.kill, *last)
    return worker


def without_tls() -> None:
    """Let asyncio and aiohttp find no `ssl`, which they import if it is there."""
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]


def _worker_config(options: Options, model: ModelSource, payload: Payload | None) -> WorkerConfig:
    on_cpu = options.gpu.startswith("disable")
    draft = find_draft(options, payload)
    config = WorkerConfig(
        model_path=str(model.path),
        offset=model.offset,
        size=model.size,
        name=(options.alias or model.name).partition(",")[0],
        n_ctx=options.ctx_size,
        n_threads=options.threads,
        n_threads_batch=options.threads_batch,
        n_gpu_layers=0 if on_cpu else options.gpu_layers,
        n_parallel=options.parallel or -1,
        context_shift=options.context_shift,
        n_draft=options.draft_max or (DRAFTED_BY_A_MODEL if draft else 0),
        draft_path=str(draft.path) if draft else "",
        draft_offset=draft.offset if draft else 0,
        draft_size=draft.size if draft else 0,
        pooling="rank" if options.reranking else options.pooling,
        step_timeout_s=options.step_timeout,
    )
    if options.chat_template or options.chat_template_file or options.chat_template_kwargs:
        from runtime.cli.chats import with_template  # a start without these does not pay for it

        config = with_template(config, options)
    if payload and payload.manifest.states and not model.foreign:
        from runtime.cli.baked import with_baked

        config = with_baked(config, model, payload)
    if not (options.lora or options.lora_scaled or options.lora_dir or (payload and payload.manifest.adapters)):
        return config
    from runtime.cli.adapters import with_adapters  # a start without adapters does not pay for it

    return with_adapters(config, options, None if model.foreign else payload)


def _check_weights(payload: Payload, failure: LmfileError) -> None:
    """The packed model was sound when it was packed; a start does not read it all, so look now if it still is.

    Raises: PayloadDamaged.
    """
    for part, offset, _ in payload.verify(lambda part, done, total: None):
        raise PayloadDamaged(payload.path, f"the bytes of `{part}` (from {offset}) were changed") from failure


def _speak_utf8() -> None:
    """Read and write UTF-8 whatever the locale says: `env -i` has none, Windows has code pages."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return "unknown place"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119
