"""Which model a request means: by the name it gives and by what it needs.

Clients name models that are not here (`gpt-4o`, `default`) and mean the only one there is, so a
name decides only where there is a choice.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from runtime.engine.config import WorkerConfig

Role = Literal["chat", "embed", "rerank"]
Need = Literal["generate", "embed", "rerank"]

ROLE_FOR: dict[Need, Role] = {"generate": "chat", "embed": "embed", "rerank": "rerank"}
ROLES: dict[str, Role] = {role: role for role in ROLE_FOR.values()}
"""By the words that stand for them in a file."""

NO_NAMES = ("", "default")
"""What a client writes that leaves the choice to the server."""


class ModelEntry(NamedTuple):
    """One model: the name it is listed by, and what else means it.

    adapters: names that mean this model with that adapter. sha256: of the weights, in hex; empty: not known.
    """

    name: str
    config: WorkerConfig
    role: Role = "chat"
    aliases: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All that means this model without an adapter."""
        return (self.name, *self.aliases)


class Route(NamedTuple):
    """The model to ask, by its place in the list, and the adapter that the name meant, if it meant one."""

    place: int
    adapter: str = ""


class UnknownModel(Exception):
    """A name that none of several models has; `known` are those to choose from."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known = list(known)
        super().__init__(f"There is no model `{name[:200]}`; there are {', '.join(f'`{one}`' for one in known)}.")


def route(entries: Sequence[ModelEntry], name: str, need: Need) -> Route:
    """Return who answers a request. The first entry is the main model. Raises: UnknownModel.

    A name that is known always decides. Any other means the only model of the role that is
    needed; without one of that role, the main model.
    """
    for index, entry in enumerate(entries):
        if name in entry.names:
            return Route(index)
    for index, entry in enumerate(entries):
        if name in entry.adapters:
            return Route(index, name)
    fitting = [index for index, entry in enumerate(entries) if entry.role == ROLE_FOR[need]]
    if len(fitting) > 1 and name not in NO_NAMES:
        raise UnknownModel(name, [entries[index].name for index in fitting])
    return Route(fitting[0] if fitting else 0)
