"""The responses of this server that later requests may continue or read, in memory and bounded."""

from collections import OrderedDict
from collections.abc import Mapping

import msgspec
from aiohttp import web

from runtime.server.openai.response_input import Turn
from runtime.server.problem import Problem, not_found

MAX_RESPONSES = 1024
MAX_BYTES = 64 << 20


class Stored(msgspec.Struct, frozen=True):
    """A response, and the turns that it adds to the one before: the request's and its own."""

    response: Mapping[str, object]
    turns: list[Turn]
    previous: str | None = None
    size_bytes: int = 0

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "size_bytes", len(msgspec.json.encode((self.response, self.turns))))


class ResponseStore:
    """Forgets first what nobody has asked for the longest time."""

    def __init__(self, max_responses: int = MAX_RESPONSES, max_bytes: int = MAX_BYTES) -> None:
        self._max_responses = max_responses
        self._max_bytes = max_bytes
        self._stored: OrderedDict[str, Stored] = OrderedDict()
        self._n_bytes = 0

    def put(self, name: str, stored: Stored) -> None:
        """Remember a response."""
        self._stored[name] = stored
        self._n_bytes += stored.size_bytes
        while len(self._stored) > self._max_responses or self._n_bytes > self._max_bytes:
            _, oldest = self._stored.popitem(last=False)
            self._n_bytes -= oldest.size_bytes

    def get(self, name: str) -> Mapping[str, object]:
        """Return the response. Raises: Problem when it is not here."""
        return self._find(name).response

    def delete(self, name: str) -> None:
        """Forget a response; those that continue it can be continued no more. Raises: Problem."""
        self._n_bytes -= self._find(name).size_bytes
        del self._stored[name]

    def history(self, name: str | None) -> list[Turn]:
        """Return all turns up to and with this response. Raises: Problem when one of them is not here."""
        chain: list[Stored] = []
        while name is not None:
            if name not in self._stored:
                message = f"`previous_response_id`: there is no response `{name[:64]}` here, or no longer."
                raise Problem(400, "previous_response_not_found", message)
            chain.append(self._find(name))
            name = chain[-1].previous
        return [turn for stored in reversed(chain) for turn in stored.turns]

    def _find(self, name: str) -> Stored:
        if name not in self._stored:
            raise not_found(f"There is no response `{name[:64]}` here, or no longer.")
        self._stored.move_to_end(name)
        return self._stored[name]


RESPONSES = web.AppKey("responses", ResponseStore)
