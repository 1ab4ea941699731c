"""The model that answers: its worker is started when it is needed, again after it died, or for another model."""

import time
from collections.abc import Callable, Generator
from contextlib import closing

from runtime.console import Console
from runtime.engine.config import WorkerConfig
from runtime.engine.direct import DirectClient
from runtime.engine.launch import Worker, launch
from runtime.engine.protocol import Event, Finished, Generate, ModelFacts
from runtime.engine.restarts import WITHIN_S, Restarts
from runtime.errors import EngineDied, LmfileError, OutOfMemory, UsageError


class Lost(Exception):
    """No worker lives long enough; `failure` says how the last one ended."""

    def __init__(self, failure: LmfileError) -> None:
        self.failure = failure
        super().__init__(str(failure))


class Engine:
    """One worker at a time, at first `worker`. starts: what starts another; given for tests."""

    def __init__(
        self,
        worker: Worker,
        console: Console,
        max_deaths: int,
        starts: Callable[[WorkerConfig], Worker] = launch,
    ) -> None:
        self.config = worker.config
        self._worker = worker
        self._console = console
        self._starts = starts
        self._restarts = Restarts(max_deaths)
        self._delay_s = 0.0
        self._client: DirectClient | None = self._attach(worker)

    def ready(self) -> ModelFacts:
        """Wait for the model, of a new worker if the last one has ended.

        Raises: LmfileError if it cannot be loaded; KeyboardInterrupt after `interrupt`.
        """
        client = self._client
        if client is None or self._worker.poll() is not None:
            self.close()
            time.sleep(self._delay_s)
            self._worker = self._starts(self.config)
            client = self._client = self._attach(self._worker)
        try:
            facts = client.wait_ready()
        except (LmfileError, KeyboardInterrupt):
            self.kill()
            self.close()
            raise
        finally:
            self._console.clear()
        if not facts.generates:
            raise UsageError(
                f"Chatting: the model `{facts.name}` makes vectors of texts and cannot answer; name another."
            )
        return facts

    def new_id(self) -> int:
        """Return an id for the next `Generate`."""
        return self._client.new_id() if self._client else 1

    def generate(self, request: Generate) -> Generator[Event, None, None]:
        """Yield the events of one answer. Raises: EngineDied, OutOfMemory when it dies; Lost when it does so always."""
        if self._client is None:
            raise EngineDied("Answering: the engine is not there; ask again.")
        try:
            with closing(self._client.generate(request)) as events:
                for event in events:
                    if isinstance(event, Finished):
                        self._restarts.answered()
                    yield event
        except (EngineDied, OutOfMemory) as failure:
            self.close()
            delay_s, happened = self._restarts.delay_s(), str(failure).partition(";")[0]
            if delay_s is None:
                times = f"{self._restarts.max_deaths} times within {WITHIN_S:.0f} seconds"
                raise Lost(EngineDied(f"{happened}, {times}; start the program again.")) from failure
            self._delay_s = delay_s
            raise type(failure)(f"{happened}; ask again, and another one is started.") from failure

    def choose(self, config: WorkerConfig) -> ModelFacts:
        """Let another model answer. Raises: as `ready`; then the one before answers again."""
        before = self.config
        self.close()
        self.config, self._delay_s = config, 0.0
        try:
            return self.ready()
        except (LmfileError, KeyboardInterrupt):
            self.close()
            self.config = before
            raise

    def interrupt(self) -> None:
        """Stop the answer or the wait for the model. For handlers of signals."""
        if self._client:
            self._client.interrupt()

    def kill(self) -> None:
        """End the worker at once. For handlers of signals."""
        self._worker.kill()

    def close(self) -> None:
        """End the worker; the next `ready` starts another. Idempotent."""
        if self._client:
            self._client.close()
            self._client = None

    def _attach(self, worker: Worker) -> DirectClient:
        return DirectClient(worker, lambda share: self._console.status(f"loading the model: {share:.0%}"))
