"""A server whose worker computes nothing: every token is the time at which the worker wrote it, in nanoseconds.

`python -m tests.bench.stamped --host H --port P`. With `--worker` it is the worker: its socket is the standard input.
"""

import asyncio
import select
import socket
import sys
import time

from runtime.engine import child, worker_log
from runtime.engine.client import EngineClient
from runtime.engine.config import WorkerConfig
from runtime.engine.fleet import Fleet, Model
from runtime.engine.launch import Worker
from runtime.engine.protocol import (
    Delta,
    Event,
    Finished,
    Generate,
    ModelFacts,
    Ready,
    Shutdown,
    Started,
    Timings,
    command,
    frame,
)
from runtime.engine.routing import ModelEntry
from runtime.engine.wire import Frames
from runtime.server.options import ServerOptions
from runtime.server.serve import serve
from runtime.server.sockets import listen
from runtime.server.stop import Stop

STEP_S = 1 / 45
"""SmolLM2 writes sixteen answers at about this pace on two cores."""

FACTS = ModelFacts(
    name="stamped", architecture="none", description="", parameters=0, size_bytes=0, n_ctx=1 << 16, n_ctx_train=1 << 16,
    n_vocab=1000, n_embd=1, vocab_type=0, file_type="", chat_template="", bos_token="", eos_token="", n_threads=1,
    n_threads_batch=1, n_gpu_layers=0, cpu_variant="", accelerators=[], flash_attention=False, memory_bytes=0,
    n_slots=16,
)  # fmt: skip


def work(connection: socket.socket) -> None:
    """Answer until told to stop: one token of each request at every step, all in one write."""
    running: dict[int, tuple[Generate, int]] = {}
    frames = Frames()
    connection.sendall(frame(Ready(FACTS)))
    next_s = time.monotonic()
    while True:
        wait_s = max(0.0, next_s - time.monotonic()) if running else None
        if select.select([connection], [], [], wait_s)[0]:
            data = connection.recv(1 << 16)
            orders = [command(body) for body in frames.feed(data)]
            if not data or any(isinstance(order, Shutdown) for order in orders):
                return
            running |= {order.id: (order, 0) for order in orders if isinstance(order, Generate)}
        elif running:
            next_s = max(next_s + STEP_S, time.monotonic())
            connection.sendall(b"".join(frame(event) for event in _step(running)))


def _step(running: dict[int, tuple[Generate, int]]) -> list[Event]:
    events: list[Event] = []
    for number, (request, n_said) in list(running.items()):
        if not n_said:
            events.append(Started(id=number, prompt="", n_prompt=1, n_cached=0))
        if n_said == request.max_tokens:
            timings = Timings(cache_n=0, prompt_n=1, prompt_ms=0, predicted_n=n_said, predicted_ms=1)
            events.append(Finished(id=number, reason="length", timings=timings, seed=0))
            del running[number]
        else:
            events.append(Delta(id=number, text=str(time.monotonic_ns()), tokens=[1]))
            running[number] = request, n_said + 1
    return events


async def front(host: str, port: int) -> None:
    """Serve a model whose worker is this program."""
    ours, theirs = socket.socketpair()
    log = child.above_standard(worker_log.create())
    process = child.start([sys.executable, "-m", "tests.bench.stamped", "--worker"], {}, theirs, log)
    theirs.close()
    config = WorkerConfig(model_path="")
    fleet = Fleet([Model(ModelEntry("stamped", config), EngineClient(config, Worker(config, process, ours, log)))])
    stop = Stop()
    with stop.on_signals():
        await fleet.start()
        await serve(listen(host, port, has_key=False), ServerOptions(alias="stamped"), fleet, stop, lambda: None)
        await fleet.stop()


if __name__ == "__main__":
    if sys.argv[1] == "--worker":
        work(socket.socket(fileno=0))
    else:
        asyncio.run(front(sys.argv[2], int(sys.argv[4])))
