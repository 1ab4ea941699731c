"""A real server on a real socket in a thread of its own, over an engine that says what a test tells it to."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from runtime.adapters.catalogue import Catalogue
from runtime.engine.client import EngineClient
from runtime.engine.config import WorkerConfig
from runtime.engine.fleet import Fleet, Model
from runtime.engine.protocol import (
    Delta,
    Detokenize,
    Detokenized,
    Event,
    Failed,
    Finished,
    Generate,
    ModelFacts,
    Question,
    Started,
    Terminal,
    Timings,
    Tokenize,
    Tokenized,
)
from runtime.engine.routing import ModelEntry
from runtime.errors import LmfileError
from runtime.server.options import ServerOptions
from runtime.server.serve import serve
from runtime.server.sockets import listen, ports
from runtime.server.stop import Stop

WAIT_S = 10
NO_MODEL = WorkerConfig(model_path="")
FACTS = ModelFacts(
    name="scripted", architecture="none", description="a scripted engine", parameters=7, size_bytes=11, n_ctx=4096,
    n_ctx_train=8192, n_vocab=1000, n_embd=64, vocab_type=2, file_type="Q4_1", chat_template="{{ messages }}",
    bos_token="<s>", eos_token="</s>", n_threads=2, n_threads_batch=2, n_gpu_layers=0, cpu_variant="none",
    accelerators=[], flash_attention=False, memory_bytes=0, n_slots=4,
)  # fmt: skip
TIMINGS = Timings(cache_n=3, prompt_n=2, prompt_ms=4.0, predicted_n=3, predicted_ms=10.0)

Script = Callable[[Generate], Iterable[Event | float]]
"""What the engine does with a request: events, and seconds to wait between them."""


def say(*words: str, reason: str = "stop", stopping_word: str = "") -> Script:
    """A script that accepts any prompt of five tokens, three of them cached, and answers with `words`."""

    def script(request: Generate) -> Iterable[Event | float]:
        timings = Timings(cache_n=3, prompt_n=2, prompt_ms=4.0, predicted_n=len(words), predicted_ms=10.0)
        yield Started(id=request.id, prompt="<the prompt>", n_prompt=5, n_cached=3)
        for token, word in enumerate(words):
            yield Delta(id=request.id, text=word, tokens=[token])
        yield Finished(
            id=request.id, reason=cast(Any, reason), stopping_word=stopping_word, timings=timings, seed=42,
            has_new_line="\n" in "".join(words),
        )  # fmt: skip

    return script


def fail(kind: str, message: str, after: tuple[str, ...] = (), **facts: int) -> Script:
    """A script that refuses: before the first token, or after the words `after`."""

    def script(request: Generate) -> Iterable[Event | float]:
        if after:
            yield Started(id=request.id, prompt="", n_prompt=5, n_cached=0)
        for word in after:
            yield Delta(id=request.id, text=word, tokens=[0])
        yield Failed(id=request.id, kind=cast(Any, kind), message=message, **facts)

    return script


Answers = Callable[[Question], Terminal]
"""What the engine says to a request that has one answer."""


def silence(request: Question) -> Terminal:
    """An engine that was told nothing but to spell: each byte is a token, by its number."""
    if isinstance(request, Tokenize):
        content = [request.content] if isinstance(request.content, str) else request.content
        tokens = [token for item in content for token in (item.encode() if isinstance(item, str) else [item])]
        return Tokenized(id=request.id, tokens=tokens, pieces=[bytes([token % 256]) for token in tokens])
    if isinstance(request, Detokenize):
        return Detokenized(
            id=request.id, text=bytes(token % 256 for token in request.tokens).decode("utf-8", "replace")
        )
    return Failed(id=request.id, kind="internal", message="Nothing is scripted.")


@dataclass
class ScriptedEngine:
    """The seam of `EngineClient`, without a worker."""

    script: Script = field(default_factory=lambda: say("Hello", " there", "."))
    answers: Answers = silence
    singles: list[Question] = field(default_factory=list)
    state: str = "ready"
    facts: ModelFacts | None = FACTS
    failure: LmfileError | None = None
    asked: list[Generate] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    last_id: int = 0
    can_load: bool = False
    n_deaths: int = 0
    progress: float = 0.0

    async def wait_ready(self) -> ModelFacts:
        while self.state != "ready" or self.facts is None:
            await asyncio.sleep(0.01)
        return self.facts

    def new_id(self) -> int:
        self.last_id += 1
        return self.last_id

    async def ask(self, request: Question) -> Terminal:
        self.singles.append(request)
        return self.answers(request)

    async def generate(self, request: Generate) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        ended = False
        try:
            for step in self.script(request):
                if isinstance(step, int | float):
                    await asyncio.sleep(step)
                else:
                    ended = isinstance(step, Finished | Failed)
                    yield step
        finally:
            if not ended:
                self.cancelled.append(request.id)


@dataclass
class Reply:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The JSON of each `data:` line that is not `[DONE]`."""
        lines = [line for line in self.body.decode().split("\n") if line]
        assert all(line.startswith("data: ") for line in lines), lines
        return [json.loads(line[6:]) for line in lines if line != "data: [DONE]"]


class Live:
    """A running server; leaves nothing behind after `close`."""

    def __init__(
        self, engine: ScriptedEngine, config: WorkerConfig = NO_MODEL, host: str = "127.0.0.1", **options: Any
    ) -> None:
        self.engine = engine
        self._host = host
        self.config = config
        self.options = msgspec.structs.replace(ServerOptions(alias="tiny", build="lmfile/test", grace_s=0.2), **options)
        self.ended_in_s = 0.0
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._started.wait(WAIT_S)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = Stop()
        sockets = listen(self._host, 0, has_key=False)
        self.port = next(iter(ports(sockets)), 0)
        await serve(sockets, self.options, self._fleet(), self._stop, self._started.set)
        leaked = asyncio.all_tasks() - {asyncio.current_task()}
        self.leaked = [task for task in leaked if not task.done()]

    def _fleet(self) -> Fleet:
        fixed = Catalogue.of(self.config._replace(lora_dir=""))
        named = tuple(one.wanted.name for one in fixed.all())
        entry = ModelEntry(self.options.alias, self.config, adapters=named)
        return Fleet([Model(entry, cast(EngineClient, self.engine))])

    def ask_to_stop(self) -> None:
        """As a signal would."""
        self.loop.call_soon_threadsafe(self._stop.ask)

    def close(self) -> float:
        """Stop and wait for the end; returns the seconds it took."""
        began = time.monotonic()
        if self._thread.is_alive():
            self.ask_to_stop()
        self.join()
        return time.monotonic() - began

    def join(self) -> None:
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the server did not end"
        assert not self.leaked, self.leaked

    def request(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Send one request on a connection of its own; a body that is not bytes is sent as JSON."""
        connection = self.connect()
        try:
            sent = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            if data is not None:
                sent.setdefault("Content-Type", "application/json")
                sent.setdefault("Content-Length", str(len(data)))
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(data)
            reply = connection.getresponse()
            return Reply(reply.status, dict(reply.getheaders()), reply.read())
        finally:
            connection.close()

    def post(self, path: str, body: object, **headers: str) -> Reply:
        return self.request("POST", path, body, headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.request("GET", path, None, headers)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)

    def raw(self, data: bytes, timeout_s: float = WAIT_S) -> bytes:
        """Send bytes and return everything until the server closes; the timeout ends the wait."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as sock:
            sock.sendall(data)
            received = b""
            try:
                while piece := sock.recv(65536):
                    received += piece
            except TimeoutError:
                pass
            return received


def eventually(condition: Callable[[], bool], within_s: float = 5.0) -> bool:
    """Whether `condition` comes true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
