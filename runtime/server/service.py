"""What every handler needs: the engine, and how this server was told to behave."""

import time
from dataclasses import dataclass, field

from aiohttp import web

from runtime.engine.client import EngineClient
from runtime.engine.protocol import ModelFacts
from runtime.server.options import ServerOptions
from runtime.server.problem import unavailable


@dataclass(frozen=True)
class Service:
    """One model behind one port; `started` in seconds since the epoch."""

    engine: EngineClient
    options: ServerOptions
    started: int = field(default_factory=lambda: int(time.time()))

    def facts(self) -> ModelFacts:
        """Of the loaded model. Raises: Problem while there is none."""
        if self.engine.facts is None:
            raise unavailable("Loading model")
        return self.engine.facts


SERVICE = web.AppKey("service", Service)
