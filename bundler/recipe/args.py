"""Reads a llamafile's `.args`: models and adapters as what to pack, flags of ours as defaults, others with a warning.

`/zip/NAME` is a file of the llamafile, or one beside the `.args`; `...`, the place of the user's own arguments,
means nothing, since they always win here.
"""

from collections.abc import Callable, Container
from pathlib import Path

from bundler.recipe.arg_words import Unreadable, Word, words
from bundler.recipe.place import HUB, Place, contents, decoded, words_fault
from bundler.recipe.recipe import Recipe, Setting, WantedAdapter, WantedModel
from runtime.cli.defaults import setting
from runtime.cli.flags import BY_NAME, BY_OFF, LEGACY_SWITCHES, LEGACY_WITH_VALUE, Flag
from runtime.cli.nearest import nearest
from runtime.errors import RecipeInvalid
from runtime.payload.defaults import PACKABLE, why_not

ELSEWHERE = "..."
_INSIDE = "/zip/"
_MODELS = {
    "-m": "",
    "--model": "",
    "-hf": "",
    "--hf-repo": "",
    "-mu": "",
    "--model-url": "",
    "-md": "draft",
    "--model-draft": "draft",
    "--spec-draft-model": "draft",
    "--mmproj": "mmproj",
}
"""Flags that name a model, and its role."""

_HUB = ("-hf", "--hf-repo")
_SYSTEM = ("-sys", "--system-prompt")
_ADAPTERS = ("--lora", "--lora-scaled")


def read(path: Path) -> tuple[Recipe, list[str]]:
    """The recipe, and warnings about flags that have no effect. Raises: RecipeInvalid with line and flag."""
    place = Place(path, path.absolute().parent)
    return _read(contents(path), place, None)


def read_llamafile(path: Path) -> tuple[Recipe, list[str]]:
    """The recipe of a llamafile: its weights, and what its `.args` says.

    Raises: RecipeInvalid; ModelNotFound, ModelUnsupported for what is no llamafile.
    """
    from bundler.sources import zips

    place = Place(path, path.absolute().parent)
    data = zips.arguments(path)
    if data is None:
        return Recipe((WantedModel(str(path.absolute())),)), []
    return _read(decoded(data, place), place, path.absolute())


def _read(text: str, place: Place, archive: Path | None) -> tuple[Recipe, list[str]]:
    try:
        found = words(text)
    except Unreadable as error:
        raise place.fault(error.line, "", f"an argument {error}") from error
    reading = _Reading(place, archive, found)
    return reading.recipe(), reading.warnings


class _Reading:
    """Takes the arguments one by one; a later one of a kind replaces the one before, as in llamafile."""

    def __init__(self, place: Place, archive: Path | None, found: list[Word]) -> None:
        self.warnings: list[str] = []
        self._place = place
        self._archive = archive
        self._rest = found[::-1]
        self._models: dict[str, WantedModel] = {}
        self._adapters: list[WantedAdapter] = []
        self._defaults: dict[str, Setting] = {}
        self._system_prompt = ""
        self._template = ""

    def recipe(self) -> Recipe:
        while self._rest:
            word = self._rest.pop()
            if word.text != ELSEWHERE:
                self._argument(word)
        if "" not in self._models:
            self._models[""] = self._only_model()
        made = Recipe(
            models=tuple(self._models[role] for role in ("", "draft", "mmproj") if role in self._models),
            adapters=tuple(self._adapters),
            system_prompt=self._system_prompt,
            chat_template=self._template,
            defaults=self._defaults,
        )
        if fault := words_fault(made):
            raise self._place.fault(0, _SYSTEM[0], fault[1])
        return made

    def _argument(self, word: Word) -> None:
        name, separator, inline = word.text.partition("=") if word.text.startswith("--") else (word.text, "", "")
        named = Word(name, word.line)
        value = Word(inline, word.line) if separator else None
        for kinds, take in self._kinds():
            if name in kinds:
                take(named, value)
                return
        if name in LEGACY_SWITCHES or name in LEGACY_WITH_VALUE:
            self._legacy(named, value)
            return
        hint = nearest(BY_NAME, name, "leave it out.", close=0.6).rstrip(".")
        what = "is no flag" if name.startswith("-") else "stands where a flag has to"
        raise self._place.fault(word.line, name[:80], f"{what}; {hint}")

    def _kinds(self) -> tuple[tuple[Container[str], Callable[[Word, Word | None], None]], ...]:
        return (
            (_MODELS, self._model),
            (_ADAPTERS, self._adapter),
            (_SYSTEM, self._system),
            (("--chat-template-file",), self._template_file),
            (("--chat-template",), self._template_text),
            (BY_NAME, self._flag),
            (BY_OFF, self._flag_off),
        )

    def _model(self, name: Word, inline: Word | None) -> None:
        value = self._value(name, inline)
        if name.text in _HUB:
            source = self._place.address(f"{HUB}{value.text}", value.line, name.text)
        else:
            source = self._source(name, value)
        role = _MODELS[name.text]
        self._models[role] = WantedModel(source, role)

    def _source(self, name: Word, value: Word) -> str:
        inside = value.text.removeprefix(_INSIDE)
        if self._archive and (inside != value.text or not (self._place.folder / value.text).exists()):
            return f"{self._archive}#{inside}"
        return self._place.source(inside, value.line, name.text)

    def _only_model(self) -> WantedModel:
        """Without `-m` a llamafile runs the weights that lie in it."""
        if self._archive:
            return WantedModel(str(self._archive))
        files = sorted(self._place.folder.glob("*.gguf"))
        if len(files) != 1:
            raise self._place.fault(1, "-m", f"is missing, and beside the file lie {len(files)} .gguf files; name one")
        return WantedModel(str(files[0]))

    def _adapter(self, name: Word, inline: Word | None) -> None:
        value = self._value(name, inline)
        for text in filter(None, value.text.split(",")):
            path, scale = text, 1.0
            if name.text == "--lora-scaled":
                path, scale = self._scaled(name, value, text)
            file = self._place.file(path.removeprefix(_INSIDE), value.line, name.text)
            self._adapters.append(WantedAdapter(str(file), scale=scale))

    def _scaled(self, name: Word, value: Word, text: str) -> tuple[str, float]:
        """FILE:X, or X as an argument of its own, as older ones have it."""
        path, colon, number = text.rpartition(":")
        if not colon:
            path, number = text, self._value(name, None).text
        try:
            scale = float(number)
        except ValueError as error:
            raise self._place.fault(value.line, name.text, f"has the weight `{number[:40]}`; give a number") from error
        if not -1e6 <= scale <= 1e6:
            raise self._place.fault(value.line, name.text, f"has the weight {number[:40]}; give one up to 1000000")
        return path, scale

    def _system(self, name: Word, inline: Word | None) -> None:
        self._system_prompt = self._value(name, inline).text

    def _template_file(self, name: Word, inline: Word | None) -> None:
        value = self._value(name, inline)
        text = self._place.text(value.text.removeprefix(_INSIDE), value.line, name.text)
        self._template = self._place.template(text, value.line, name.text)

    def _template_text(self, name: Word, inline: Word | None) -> None:
        value = self._value(name, inline)
        if "{" in value.text:
            self._template = self._place.template(value.text, value.line, name.text)
        else:
            self._keep(BY_NAME[name.text], name, value.text)

    def _flag(self, name: Word, inline: Word | None) -> None:
        flag = BY_NAME[name.text]
        given: object = inline is None or inline.text
        if flag.kind != "switch":
            given = self._value(name, inline).text
        if flag.name in PACKABLE:
            self._keep(flag, name, given)
        else:
            self.warnings.append(f"{name.text} is left out: it {why_not(flag.name)}")

    def _flag_off(self, name: Word, inline: Word | None) -> None:
        self._keep(BY_OFF[name.text], name, False if inline is None else inline.text)

    def _keep(self, flag: Flag, name: Word, given: object) -> None:
        if flag.kind == "texts":
            before = self._defaults.get(flag.name, ())
            given = (*before, given) if isinstance(before, tuple) else given
        try:
            self._defaults[flag.name] = setting(flag.name, given)[1]
        except ValueError as error:
            raise self._fault(name, error) from error

    def _legacy(self, name: Word, inline: Word | None) -> None:
        takes_value = name.text in LEGACY_WITH_VALUE and inline is None
        if takes_value and self._rest and not _is_flag(self._rest[-1].text):
            self._rest.pop()
        self.warnings.append(f"{name.text} has no effect here")

    def _value(self, name: Word, inline: Word | None) -> Word:
        if inline is not None:
            return inline
        if not self._rest or self._rest[-1].text == ELSEWHERE:
            raise self._place.fault(name.line, name.text, "needs a value")
        return self._rest.pop()

    def _fault(self, name: Word, error: Exception) -> RecipeInvalid:
        return self._place.fault(name.line, name.text, str(error))


def _is_flag(argument: str) -> bool:
    return argument == ELSEWHERE or (argument.startswith("-") and not argument[1:2].isdigit())
