"""A server for the page's tests: what the engine says depends on what it is asked.

Run by hand, `python -m tests.webui.serve`, it prints its address and serves until interrupted.
"""

import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.adapters.catalogue import Wanted, encode
from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import Event, Failed, Finished, Generate
from runtime.payload import Assistant
from tests.runtime.server.live import Live, ScriptedEngine, fail, say
from tests.webui.guesses import guessed
from tests.webui.replay import replayed

SAMPLE = Path(__file__).with_name("sample.md")
BREAD_BOOK = Assistant(
    name="Bread Book",
    color="#aa3300",
    greeting="What shall we bake?",
    system_prompt="You are Bread Book.",
    starters=("How do I bake a simple bread?", "What makes dough rise?"),
)
POEM = "Slow words arrive one by one and never seem to end. "


def script(request: Generate) -> Iterable[Event | float]:
    """Answer the last message; a word of it says how."""
    asked = str((request.chat.messages if request.chat else [{}])[-1].get("content", ""))
    if request.n_probs:
        yield from guessed(request)
    elif "sample" in asked:
        yield from paced(request, SAMPLE.read_text(encoding="utf-8"), 0.002)
    elif match := re.search(r"replay (\w+) (\d+)", asked):
        yield from replayed(request, match[1], int(match[2]))
    elif match := re.search(r"say exactly (.*)", asked, re.DOTALL):
        yield from paced(request, match[1], 0.0)
    elif "hostile" in asked:
        yield from paced(request, asked, 0.0)
    elif "slow" in asked:
        yield from paced(request, POEM * 200, 0.02)
    elif "overflow" in asked:
        yield from fail("context", "too long", n_prompt=5012, n_ctx=4096)(request)
    elif "die" in asked:
        yield from paced(request, "The answer begins well", 0.01, end=False)
        yield Failed(id=request.id, kind="died", message="The engine ended; it is being started again. Try again.")
    else:
        n_turns = len(request.chat.messages if request.chat else [])
        told = f"temperature {request.sampling.temperature}, at most {request.max_tokens} tokens, {n_turns} messages"
        yield from paced(request, f"You said: {asked}\n\n({told})", 0.002)


def paced(request: Generate, text: str, pause_s: float, *, end: bool = True) -> Iterable[Event | float]:
    """`text` in pieces of a few characters, at about the speed of a small model."""
    pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
    for event in say(*pieces)(request):
        if isinstance(event, Finished) and not end:
            return
        yield event
        yield pause_s


def start(**options: object) -> Live:
    """A server that is ready."""
    return Live(ScriptedEngine(script), alias="SmolLM2-135M-Instruct", **options)


class LoadingEngine(ScriptedEngine):
    """Loads for `LOAD_S` seconds from the moment somebody first looks."""

    LOAD_S = 2.0
    _since = 0.0

    @property
    def state(self) -> str:  # type: ignore[override]
        self._since = self._since or time.monotonic()
        return "loading" if time.monotonic() < self._since + self.LOAD_S else "ready"

    @state.setter
    def state(self, _value: str) -> None:
        """The base class sets a first state; this one follows the clock."""


def start_loading() -> Live:
    """A server whose model is being loaded."""
    return Live(LoadingEngine(script), alias="SmolLM2-135M-Instruct")


def start_clicked() -> Live:
    """A server as a double click starts it: with a publisher's assistant, two adapters, and an end."""
    adapters = encode([Wanted("pirate", "/pirate.gguf"), Wanted("robot", "/robot.gguf", scale=0.0)])
    live = start(
        config=WorkerConfig(model_path="", adapters=adapters),
        assistant=BREAD_BOOK,
        system_prompt=BREAD_BOOK.system_prompt,
        quit_after_s=300.0,
        end=lambda _reason: live.ask_to_stop(),
    )
    return live


@contextmanager
def servers() -> Iterator[dict[str, Live]]:
    """One for each way to find a server, by the name under which the tests find its address."""
    running = {
        "LMFILE_READY": start(),
        "LMFILE_LOADING": start_loading(),
        "LMFILE_LOCKED": start(keys=("sesame",)),
        "LMFILE_CLICKED": start_clicked(),
    }
    try:
        yield running
    finally:
        for server in running.values():
            server.close()


if __name__ == "__main__":
    live = start()
    sys.stdout.write(f"http://127.0.0.1:{live.port}\n")
    sys.stdout.flush()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        live.close()
