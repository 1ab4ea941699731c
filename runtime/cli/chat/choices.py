"""Which model answers, and with which adapters: what there is, and what a person chose of it."""

import math
from collections.abc import Callable, Sequence

from runtime.adapters.catalogue import Catalogue, Listed
from runtime.cli.chat.engine import Engine
from runtime.cli.chat.talk import Talk
from runtime.cli.nearest import nearest
from runtime.engine.protocol import Adapters
from runtime.engine.routing import ModelEntry
from runtime.errors import UsageError

MAX_SCALE = 100.0
OFF, DEFAULT = "off", "default"


class Choices:
    """known: finds the models; asked once, when somebody first wants to know: it reads a folder."""

    def __init__(self, talk: Talk, engine: Engine, known: Callable[[], Sequence[ModelEntry]]) -> None:
        self._talk = talk
        self._engine = engine
        self._find = known
        self._found: Sequence[ModelEntry] | None = None

    def adapters(self) -> str:
        """The adapters there are, each with its weight in the next answers."""
        listed = self._listed()
        if not listed:
            return "There are no adapters; --lora FILE and --lora-dir DIR offer some."
        chosen = None if self._talk.adapters is None else dict(self._talk.adapters)
        lines = []
        for one in listed:
            scale = one.wanted.scale if chosen is None else chosen.get(one.wanted.name, 0.0)
            lines.append(f"{'*' if scale else ' '} {one.wanted.name}:{scale:g}")
        return "\n".join(lines)

    def choose_adapters(self, text: str) -> str:
        """Take these for the next answers. Raises: UsageError for one that is not there."""
        if text in (OFF, DEFAULT):
            self._talk.adapters = [] if text == OFF else None
        else:
            self._talk.adapters = [*self._weighted(text.split()).items()]
        return self.adapters()

    def models(self) -> str:
        """The models that can answer; the one that does is marked."""
        here = self._engine.config
        return "\n".join(f"{'*' if entry.config == here else ' '} {entry.name}" for entry in self._models())

    def choose_model(self, text: str) -> str:
        """Let another model answer from now on. Raises: UsageError for none; as `Engine.choose`."""
        entries = self._models()
        names = {name: entry for entry in entries for name in entry.names}
        found = names.get(_named(list(names), text))
        if found is None:
            hint = nearest([entry.name for entry in entries], text)
            raise UsageError(f"Choosing a model: there is no `{text[:80]}`; {hint}")
        if found.config == self._engine.config:
            return f"{found.name} answers already."
        facts = self._engine.choose(found.config)
        had_adapters, self._talk.adapters = bool(self._talk.adapters), None
        left = " Its adapters are as the program was started." if had_adapters else ""
        return f"{found.name} answers now, with {facts.n_ctx} tokens of context.{left}"

    def _weighted(self, words: Sequence[str]) -> dict[str, float]:
        known: Adapters = [(one.wanted.name, one.wanted.scale or 1.0) for one in self._listed()]
        chosen: dict[str, float] = {}
        for word in words:
            name, colon, weight = word.rpartition(":")
            found = _named([one for one, _ in known], name if colon else word)
            if not found:
                hint = nearest([one for one, _ in known], name if colon else word)
                raise UsageError(f"Choosing an adapter: there is no `{(name or word)[:80]}`; {hint}")
            chosen[found] = _weight(weight, word) if colon else 1.0
        return chosen

    def _listed(self) -> list[Listed]:
        return Catalogue.of(self._engine.config).all()

    def _models(self) -> Sequence[ModelEntry]:
        if self._found is None:
            self._found = [entry for entry in self._find() if entry.role == "chat"]
        return self._found


def _named(known: Sequence[str], name: str) -> str:
    """Which of the known names is meant by `name`, or by the beginning of it alone; empty: none or several."""
    found = [one for one in known if one.lower() == name.lower()] or [
        one for one in known if one.lower().startswith(name.lower())
    ]
    return found[0] if len(found) == 1 and name else ""


def _weight(text: str, word: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not abs(weight) <= MAX_SCALE:
        raise UsageError(f"Choosing an adapter: `{word[:80]}` has no weight from -100 to 100; write NAME:0.5.")
    return weight
