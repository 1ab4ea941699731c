"""Workers for tests: real processes, with the model made of arithmetic or a real one."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.engine.config import WorkerConfig
from runtime.engine.direct import DirectClient
from runtime.engine.launch import Worker, launch
from runtime.engine.protocol import Delta, Event, Failed, Finished, Generate, Sampling, Started

LONG_ANSWER = "a long answer, " * 200
PATIENCE_S = 60.0


def fake(answer: str = "Hello.", **settings: object) -> WorkerConfig:
    return WorkerConfig(model_path=answer, backend="fake", **settings)  # type: ignore[arg-type]


@contextmanager
def started(config: WorkerConfig) -> Iterator[tuple[Worker, DirectClient]]:
    """A worker and its client; the worker is gone afterwards, whatever happened."""
    worker = launch(config)
    client = DirectClient(worker)
    try:
        yield worker, client
    finally:
        worker.kill()
        worker.wait(PATIENCE_S)
        worker.close()


def ask(client: DirectClient, prompt: str | list[int] | None = "Hi", **more: object) -> list[Event]:
    return list(client.generate(Generate(id=client.new_id(), prompt=prompt, **more)))  # type: ignore[arg-type]


def greedy(client: DirectClient, prompt: str | list[int], max_tokens: int, **more: object) -> str:
    return text(ask(client, prompt, max_tokens=max_tokens, sampling=Sampling(temperature=0.0), **more))


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def end(events: list[Event]) -> Finished:
    assert isinstance(events[0], Started | Failed), events
    assert isinstance(events[-1], Finished), events[-1]
    return events[-1]


def failure(events: list[Event]) -> Failed:
    (failed,) = events
    assert isinstance(failed, Failed)
    return failed


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S:.0f} s"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process of this id exists and is not merely waiting to be reaped."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def n_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
