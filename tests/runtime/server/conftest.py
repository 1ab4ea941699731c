"""One server for the tests that only ask, and a factory for those that need their own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.runtime.server.live import Live, ScriptedEngine, say, silence


@pytest.fixture
def start() -> Iterator[Callable[..., Live]]:
    """Start servers with options of their own; all end with the test."""
    running: list[Live] = []

    def starter(engine: ScriptedEngine | None = None, **options: Any) -> Live:
        running.append(Live(engine or ScriptedEngine(), **options))
        return running[-1]

    yield starter
    for server in running:
        server.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Live]:
    server = Live(ScriptedEngine())
    yield server
    server.close()


@pytest.fixture
def server(shared: Live) -> Live:
    """A server without a key whose engine says "Hello there."; one per module, clean for each test."""
    shared.engine.script = say("Hello", " there", ".")
    shared.engine.answers = silence
    shared.engine.asked.clear()
    shared.engine.singles.clear()
    shared.engine.cancelled.clear()
    return shared
