"""Who is compared: lmfile and llama-server in two settings, started side by side and measured in turns.

llama-server stands for the better of `-t 1` and its default thread count on the load at
hand. Only one server computes at a time: before each measurement all must be idle, and
one that computes while another is measured ends the comparison.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from tests.bench.processes import computed_s
from tests.bench.row import LMFILE
from tests.bench.servers import Server, running
from tests.bench.texts import QUESTION

DEFAULT = "default"
SETTINGS: dict[str, tuple[str, ...]] = {"-t 1": ("-t", "1"), DEFAULT: ()}
"""The peer's settings by the names that the table gives them."""

IDLE_SHARE = 0.1
"""Of one core: what a server that waits may use."""
SETTLE_S = 0.1
SETTLE_LIMIT_S = 60.0

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Contest:
    """The two programs and the weights that both serve; `quick` asks for fewer turns."""

    executable: Path
    llama_server: Path
    model: Path
    packed: bool = True
    """Whether the executable holds `model` itself."""
    quick: bool = False

    def ours(self, *flags: str) -> list[str]:
        """The command that starts lmfile."""
        model = [] if self.packed else ["-m", str(self.model)]
        return [str(self.executable), "--server", "--nobrowser", *model, *flags]

    def theirs(self, *flags: str) -> list[str]:
        """The command that starts llama-server."""
        return [str(self.llama_server), "-m", str(self.model), "--no-ui", *flags]

    def serving(self, model: Path) -> "Contest":
        """The same with another model."""
        return replace(self, model=model, packed=False)

    def turns(self, n: int) -> range:
        """How often to measure: `n` times, or about a third of it."""
        return range(-(-n // 3) if self.quick else n)


@dataclass(frozen=True)
class Field:
    """The running servers by name, lmfile first."""

    servers: dict[str, Server]

    @property
    def ours(self) -> Server:
        """lmfile."""
        return self.servers[LMFILE]

    def turn(self, measure: Callable[[Server], Measured]) -> dict[str, Measured]:
        """Measure each server once, one after the other. Raises: NotIdle."""
        return {name: self.alone(name, measure) for name in self.servers}

    def alone(self, name: str, measure: Callable[[Server], Measured]) -> Measured:
        """Measure one server while the others wait. Raises: NotIdle."""
        self._settle()
        others = [server for other, server in self.servers.items() if other != name]
        began, before = time.monotonic(), [computed_s(other.pid) for other in others]
        measured = measure(self.servers[name])
        limit_s = IDLE_SHARE * (time.monotonic() - began) + SETTLE_S
        for other, earlier in zip(others, before, strict=True):
            if computed_s(other.pid) - earlier > limit_s:
                raise NotIdle(f"{other.name} computed while {name} was measured")
        return measured

    def _settle(self) -> None:
        deadline = time.monotonic() + SETTLE_LIMIT_S
        while True:
            before = sum(computed_s(server.pid) for server in self.servers.values())
            time.sleep(SETTLE_S)
            used_s = sum(computed_s(server.pid) for server in self.servers.values()) - before
            if used_s <= IDLE_SHARE * SETTLE_S * len(self.servers):
                return
            if time.monotonic() > deadline:
                raise NotIdle("a server computes although nobody asks it")


class NotIdle(Exception):
    """A server computed when it should have waited, so that what was measured means nothing."""


def first_token(server: Server) -> None:
    """Wait until a server has answered a question."""
    server.first_token(QUESTION)


@contextmanager
def field(contest: Contest, *flags: str, warm_up: Callable[[Server], object] = first_token) -> Iterator[Field]:
    """Start all servers with the same `flags`, and warm them up."""
    commands = {LMFILE: contest.ours(*flags)}
    commands |= {name: contest.theirs(*flags, *setting) for name, setting in SETTINGS.items()}
    with ExitStack() as stack:
        servers = {}
        for name, command in commands.items():
            servers[name] = stack.enter_context(running(name, command))
            warm_up(servers[name])
        yield Field(servers)
