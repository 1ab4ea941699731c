"""Reads an Ollama Modelfile: its model, from a file, a hub or Ollama's own store, and what it says of it.

Only what is written counts: a Modelfile means here what the same flags of the executable mean. Of a model in
Ollama's store that includes what is written there. A template is translated into Jinja.
"""

import re
from pathlib import Path
from typing import Any, Literal, cast

from bundler.recipe import ollama_store
from bundler.recipe.go_fault import TemplateFault
from bundler.recipe.go_to_jinja import to_jinja
from bundler.recipe.modelfile_commands import Command, Unreadable, commands
from bundler.recipe.modelfile_parameters import flag, joined
from bundler.recipe.place import ADDRESSES, HUB, Place, contents, words_fault
from bundler.recipe.recipe import LicenseText, Message, Recipe, Setting, WantedAdapter, WantedModel
from runtime.errors import RecipeInvalid
from runtime.payload.defaults import MAX_TEMPLATE

MAX_LICENSES = 64
PROJECTOR = "clip"
_HUBS = re.compile(r"(?:https?://)?(?:hf\.co|huggingface\.co)/(.+)")
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
_PATH_LIKE = re.compile(r"[./~\\]|[A-Za-z]:[\\/]|.*\.(?:gguf|llamafile|safetensors|bin)$")
_EFFECTLESS = {
    "REQUIRES": "is about Ollama's own version",
    "RENDERER": "names code of Ollama's own; the model's own chat template is used",
    "PARSER": "names code of Ollama's own; answers are read by the model's own chat template",
    "CAPABILITY": "is known from the model itself",
}


def read(path: Path) -> tuple[Recipe, list[str]]:
    """The recipe, and warnings about what has no effect. Raises: RecipeInvalid with line and command."""
    place = Place(path, path.absolute().parent)
    try:
        found = commands(contents(path))
    except Unreadable as error:
        raise place.fault(error.line, error.key, str(error)) from error
    reading = _Reading(place)
    for command in sorted(found, key=lambda command: command.name != "FROM"):  # the rest stands above it
        reading.take(command)
    return reading.recipe(), reading.warnings


class _Reading:
    """Takes the commands one by one, and remembers the lines of what is checked at the end."""

    def __init__(self, place: Place) -> None:
        self.warnings: list[str] = []
        self._place = place
        self._models: list[WantedModel] = []
        self._adapters: list[WantedAdapter] = []
        self._defaults: dict[str, Setting] = {}
        self._own: dict[str, Setting] = {}
        self._systems: dict[str, str] = {}
        self._messages: list[Message] = []
        self._inherited: list[Message] = []
        self._licenses: list[LicenseText] = []
        self._template = ""
        self._system_line = self._message_line = 0

    def take(self, command: Command) -> None:
        match command.name:
            case "FROM":
                self._from(command)
            case "PARAMETER":
                self._parameter(command)
            case "TEMPLATE" | "SYSTEM" if not command.value.strip():
                pass  # as in Ollama: what the model comes with stays
            case "TEMPLATE":
                self._template = self._translated(command.value, command.line, "TEMPLATE")
            case "SYSTEM":
                self._systems["SYSTEM"] = command.value
                self._system_line = command.line
            case "ADAPTER":
                path = self._place.file(_given(self._place, command), command.line, "ADAPTER")
                self._adapters.append(WantedAdapter(str(path), scale=1.0))
            case "LICENSE":
                self._license(command.value, command.line)
            case "MESSAGE":
                self._message(command.first, command.value, command.line, self._messages)
            case "DRAFT":
                path = self._place.file(_given(self._place, command), command.line, "DRAFT")
                self._models.append(WantedModel(str(path), "draft"))
            case name:
                self.warnings.append(f"line {command.line}: {name} has no effect here: it {_EFFECTLESS[name]}")

    def recipe(self) -> Recipe:
        if not any(model.role == "" for model in self._models):
            raise self._place.fault(1, "FROM", "is missing; it names the model")
        made = Recipe(
            models=tuple(self._models),
            adapters=tuple(self._adapters),
            system_prompt="\n\n".join(filter(None, self._systems.values())),
            messages=tuple(self._messages or self._inherited),
            chat_template=self._template,
            defaults={**self._defaults, **self._own},
            licenses=tuple(self._licenses),
        )
        if fault := words_fault(made):
            said = (self._message_line, "MESSAGE") if fault[0] == "messages" else (self._system_line, "SYSTEM")
            raise self._place.fault(*said, fault[1])
        return made

    def _from(self, command: Command) -> None:
        mains = [model for model in self._models if model.role == ""]
        source = self._source(command)
        if not mains:
            if not source:
                self._stored(command)
            else:
                self._models.append(WantedModel(source))
        elif _is_later_shard(mains[0].source, source):
            return
        elif source and _is_projector(source):
            self._models.append(WantedModel(source, "mmproj"))
        else:
            raise self._place.fault(command.line, "FROM", "names a second model; a Modelfile has one")

    def _source(self, command: Command) -> str:
        """The source of `lmfile` that is meant; empty: a model of Ollama's store."""
        value = _given(self._place, command)
        if hub := _HUBS.fullmatch(value):
            value = f"{HUB}{hub[1]}"
        if value.startswith(ADDRESSES):
            return self._place.address(value, command.line, command.name)
        if "*" in value:
            return self._first_shard(value, command)
        if not _PATH_LIKE.match(value) and not (self._place.folder / value).exists() and ollama_store.is_name(value):
            return ""
        return str(self._place.file(value, command.line, command.name))

    def _first_shard(self, value: str, command: Command) -> str:
        """A pattern stands for the shards of one model."""
        try:
            pattern = (self._place.folder / Path(value).expanduser()).absolute()
            files = sorted(pattern.parent.glob(pattern.name.replace("**", "*")))
        except (ValueError, OSError, RuntimeError) as error:
            raise self._place.fault(command.line, command.name, f"names `{value}`, which is no pattern") from error
        if not files or any(not _is_later_shard(str(files[0]), str(file)) for file in files[1:]):
            reason = f"names `{value}`, and {len(files)} files are called so that are not the shards of one model"
            raise self._place.fault(command.line, command.name, reason)
        return str(files[0])

    def _stored(self, command: Command) -> None:
        """A model that Ollama has here, with all that is written of it there."""
        from bundler.models import KNOWN

        try:
            stored = ollama_store.find(command.value)
        except ollama_store.Missing as missing:
            if command.value not in KNOWN:
                reason = f"names `{command.value}`, which {missing}; pull it, or write a path or hf:org/repo"
                raise self._place.fault(command.line, "FROM", reason) from missing
            packed = f"`{command.value}` is not in Ollama's store: lmfile's own model of that name is packed"
            self.warnings.append(f"line {command.line}: {packed}")
            self._models.append(WantedModel(command.value))
            return
        name = re.sub(r"[^A-Za-z0-9_.+@-]", "_", stored.name)[:64]
        self._models.append(WantedModel(str(stored.model), name=name))
        self._models += [WantedModel(str(path), "mmproj") for path in stored.projectors]
        self._adapters += [WantedAdapter(str(path), scale=1.0) for path in stored.adapters]
        self._systems["SYSTEM"] = stored.system
        self._system_line = command.line
        for text in stored.licenses:
            self._license(text, command.line)
        self._inherit(stored, command)

    def _inherit(self, stored: ollama_store.Stored, command: Command) -> None:
        if stored.template.strip():
            try:
                self._template = self._translated(stored.template, command.line, "FROM")
            except RecipeInvalid as error:
                self.warnings.append(f"line {command.line}: the model's own chat template is used: {error}")
        for name, value in stored.params.items():
            try:
                self._set(self._defaults, name, value, command.line, "FROM")
            except RecipeInvalid as error:
                self.warnings.append(f"line {command.line}: {name} is left out: {error}")
        for message in stored.messages:
            role, content = (message.get(key) if isinstance(message, dict) else None for key in ("role", "content"))
            if role not in ("system", "user", "assistant") or not isinstance(content, str):
                raise self._place.fault(command.line, "FROM", "names a model whose messages are not such")
            self._message(role, content, command.line, self._inherited)

    def _parameter(self, command: Command) -> None:
        self._set(self._own, command.first, command.value, command.line, f"PARAMETER {command.first}")

    def _set(self, into: dict[str, Setting], name: str, value: Any, line: int, key: str) -> None:
        try:
            known = flag(name, value)
            if known is not None:
                into[known[0]] = joined(into, *known)
        except ValueError as error:
            raise self._place.fault(line, key, str(error)) from error
        if known is None:
            self.warnings.append(f"line {line}: {name} has no effect here")

    def _translated(self, text: str, line: int, key: str) -> str:
        if len(text) > MAX_TEMPLATE:
            raise self._place.fault(line, key, f"has {len(text):,} characters, more than {MAX_TEMPLATE:,}")
        try:
            made = to_jinja(text)
        except TemplateFault as fault:
            at = line + fault.line - 1 if key == "TEMPLATE" else line
            raise self._place.fault(at, key, str(fault)) from fault
        if len(made) > MAX_TEMPLATE:
            raise self._place.fault(line, key, f"is longer than {MAX_TEMPLATE:,} characters in Jinja")
        return made

    def _message(self, role: str, content: str, line: int, into: list[Message]) -> None:
        if role == "system":  # another way to write SYSTEM; Ollama joins the two so
            self._systems[f"MESSAGE system {line}"] = content
            self._system_line = self._system_line or line
        else:
            self._message_line = line
            into.append(Message(cast(Literal["user", "assistant"], role), content))

    def _license(self, text: str, line: int) -> None:
        if len(self._licenses) == MAX_LICENSES:
            raise self._place.fault(line, "LICENSE", f"stands more than {MAX_LICENSES} times")
        number = len(self._licenses) + 1
        if text.strip():
            self._licenses.append(LicenseText("LICENSE" if number == 1 else f"LICENSE-{number}", text))


def _given(place: Place, command: Command) -> str:
    value = command.value
    if not value or not value.isprintable() or len(value) > 4096:
        raise place.fault(command.line, command.name, "needs a name or a path")
    return value


def _is_later_shard(first: str, other: str) -> bool:
    ours, theirs = _SHARD.fullmatch(first), _SHARD.fullmatch(other)
    return ours is not None and theirs is not None and (ours[1], ours[3]) == (theirs[1], theirs[3])


def _is_projector(source: str) -> bool:
    """Whether this is a GGUF that sees for another model, as older Modelfiles name it with a second FROM."""
    from runtime import gguf
    from runtime.errors import LmfileError

    try:
        architecture = gguf.read(Path(source)).values.get("general.architecture")
    except (LmfileError, OSError):
        return False
    return architecture is not None and architecture.value == PROJECTOR
