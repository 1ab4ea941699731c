"""The worker process: loads one model and serves it until the front is gone or says so.

The main thread loads and then computes; a second one imports the rest of our code while
native code loads, and then listens to the front. It ends by `os._exit`: nothing of native
code's clean-up is worth its time or its accidents.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, NoReturn

from runtime.engine import worker_log
from runtime.engine.config import WorkerConfig, from_arguments
from runtime.engine.process import settle

if TYPE_CHECKING:
    from socket import socket

    from runtime.engine.backend import Backend
    from runtime.engine.baked import Shelf
    from runtime.engine.conversion import Conversions
    from runtime.engine.link import Link
    from runtime.engine.scheduler import Scheduler

FAKE_N_CTX = 4096
FAKE_STEP_S = 0.001
FAKE_N_SLOTS = 4
STANDARD_INPUT = 0


def main(arguments: list[str]) -> NoReturn:
    """Run a worker with the arguments that `WorkerConfig.arguments` made."""
    settle()
    config = from_arguments(arguments)
    opening = _Opening(config)
    opening.start()
    os._exit(_work(config, opening, _shelf(config)))


def _shelf(config: WorkerConfig) -> Shelf | None:
    """Begin to read what was computed when the executable was built, if anything was."""
    if not config.baked_size:
        return None
    from runtime.engine.baked import Shelf

    shelf = Shelf(config)
    shelf.start()
    return shelf


class _Opening(Thread):
    """Imports what the main thread does not need yet, opens the link, and has it listen."""

    def __init__(self, config: WorkerConfig) -> None:
        super().__init__(name="opening", daemon=True)
        self._config = config
        self._link: Link | None = None

    def run(self) -> None:
        from runtime.engine.link import Link

        self._link = Link(_connection(), self._config.max_queue)
        Thread(target=self._link.listen, name="listening", daemon=True).start()
        import runtime.engine.backends.llama
        import runtime.engine.template  # noqa: F401 - jinja2 takes 35 ms, which the load hides

    def progress(self, fraction: float) -> None:
        """Tell the front how much of the model is loaded."""
        if self._link:
            from runtime.engine.protocol import Loading

            self._link.send([Loading(fraction)])

    def result(self) -> Link:
        """Wait for the link."""
        self.join()
        if self._link is None:
            raise RuntimeError("the link to the front was not opened")
        return self._link


def _work(config: WorkerConfig, opening: _Opening, shelf: Shelf | None) -> int:
    """Load and serve; return the exit status."""
    try:
        backend = _load(config, opening)
    except Exception as error:
        return _refuse(error, config, opening.result())
    try:
        _serve(opening.result(), backend, config, shelf)
    except OSError:
        return 0  # the front is gone
    return 0


def _refuse(error: Exception, config: WorkerConfig, link: Link) -> int:
    """Tell the front why there is no model; return the exit status."""
    from runtime.engine.protocol import Refused
    from runtime.errors import EngineFailed, LmfileError

    if not isinstance(error, LmfileError):
        _log_trace()
        error = EngineFailed(f"Loading the model `{config.model_path}`: {type(error).__name__}: {error}.")
    link.send([Refused(message=str(error), exit_code=error.exit_code)])
    return error.exit_code


def _load(config: WorkerConfig, opening: _Opening) -> Backend:
    if config.backend == "fake":
        from runtime.engine.backends.fake import FakeBackend, FakeShape

        n_slots = config.n_parallel if config.n_parallel > 0 else FAKE_N_SLOTS
        return FakeBackend(
            config.model_path, config.n_ctx or FAKE_N_CTX, step_s=FAKE_STEP_S, shape=FakeShape(n_slots, 2 * n_slots)
        )
    from runtime.engine.backends import llama_model

    model = llama_model.load(config, opening.progress)
    from runtime.engine.backends.llama import LlamaBackend  # imported by now, by the other thread

    return LlamaBackend(model)


def _serve(link: Link, backend: Backend, config: WorkerConfig, shelf: Shelf | None) -> None:
    """Announce the model and compute until told to stop. Raises: OSError when the front is gone."""
    from runtime.engine.conversion import Conversions
    from runtime.engine.guessing import Guessing
    from runtime.engine.protocol import Ready
    from runtime.engine.scheduler import Scheduler
    from runtime.engine.template import template_of
    from runtime.engine.watchdog import Watchdog

    guessing = Guessing(config.n_draft, backend.guesser())
    scheduler = Scheduler(backend, template_of(backend), link.inbox, link.send, guessing, shelf)
    scheduler.watchdog = Watchdog(config.step_timeout_s)
    scheduler.watchdog.start()
    link.is_serving = True
    worker_log.empty(worker_log.STANDARD_ERROR)
    link.send([Ready(backend.facts)])
    conversions = Conversions(backend, template_of(backend), link.questions, link.send)
    Thread(target=_loop, args=(conversions,), name="converting", daemon=True).start()
    _loop(scheduler)


def _loop(server: Scheduler | Conversions) -> None:
    """Serve until told to stop, or until the front is gone."""
    with suppress(OSError):
        while _step(server):
            pass


def _step(server: Scheduler | Conversions) -> bool:
    """Do one step; a bug in it costs the request it happened in, not the worker."""
    from runtime.errors import EngineFailed

    try:
        return server.step()
    except OSError:
        raise
    except EngineFailed as failure:
        server.fail(str(failure))
    except Exception as error:
        _log_trace()
        server.fail(f"an error inside the engine: {type(error).__name__}: {error}")
    return True


def _connection() -> socket:
    """Return the worker's end of the socket, which came as its standard input."""
    import socket

    if sys.platform == "win32":
        return socket.fromshare(sys.stdin.buffer.read())
    return socket.socket(fileno=STANDARD_INPUT)


def _log_trace() -> None:
    import traceback

    traceback.print_exc()
