"""Reads `lmfile.toml`: TOML, checked by the records of toml_tables.py, as a recipe whose paths can be opened."""

import os
import tomllib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bundler.recipe import toml_faults
from bundler.recipe.place import ADDRESSES, Place, contents, words_fault
from bundler.recipe.recipe import Message, Recipe, Setting, WantedAdapter, WantedModel
from bundler.recipe.toml_faults import line_of, written
from bundler.recipe.toml_lines import Keys, lines
from bundler.recipe.toml_tables import AdapterTable, ModelTable, RecipeTable
from runtime.cli.defaults import setting
from runtime.cli.nearest import nearest
from runtime.errors import RecipeInvalid, UsageError
from runtime.payload.assistant import MAX_SYSTEM_PROMPT

MAX_WORDS_BYTES = 4 * MAX_SYSTEM_PROMPT + 8
Made = TypeVar("Made")
_ELSEWHERE: dict[str, Keys] = {"name": ("name",), "system_prompt": ("assistant", "system-prompt")}
"""Fields of what people read that are not called so in `[assistant]`."""


def read(path: Path) -> Recipe:
    """The recipe in the file. Raises: RecipeInvalid with line and key."""
    text = contents(path)
    place = Place(path, path.absolute().parent)
    try:
        table = tomllib.loads(text)
        where = lines(text)
    except (ValueError, RecursionError) as error:
        raise place.fault(*toml_faults.syntax(text, error)) from error
    try:
        given = msgspec.convert(table, RecipeTable)
    except msgspec.ValidationError as error:
        raise place.fault(*toml_faults.shape(table, where, error)) from error
    return _Reading(place, where).recipe(given)


class _Reading:
    """Makes a recipe of the tables, with the lines of their keys at hand for what is wrong."""

    def __init__(self, place: Place, where: dict[Keys, int]) -> None:
        self._place = place
        self._where = where

    def recipe(self, given: RecipeTable) -> Recipe:
        self._check_names("model", [table.name for table in given.model])
        self._check_names("adapter", [table.name for table in given.adapter])
        made = Recipe(
            models=tuple(self._model(number, table) for number, table in enumerate(given.model)),
            adapters=tuple(self._adapter(number, table) for number, table in enumerate(given.adapter)),
            name=given.name,
            version=self._version(given.version),
            icon=self._icon(given.assistant.icon),
            color=given.assistant.color.lower(),
            greeting=self._words(("assistant", "greeting"), given.assistant.greeting),
            system_prompt=self._words(("assistant", "system-prompt"), given.assistant.system_prompt),
            starters=tuple(given.assistant.starters),
            messages=tuple(Message(each.role, each.content) for each in given.assistant.messages),
            chat_template=self._template(given),
            defaults=self._defaults(given.defaults),
            licenses=tuple(
                self._at(("licenses", number), self._place.license, name) for number, name in enumerate(given.licenses)
            ),
            targets=tuple(self._target(number, name) for number, name in enumerate(given.targets)),
            output=self._output(given.output),
            bake=given.bake,
            sidecar=given.sidecar,
        )
        if fault := words_fault(made):
            raise self._fault(_ELSEWHERE.get(fault[0], ("assistant", fault[0])), fault[1])
        return made

    def _check_names(self, kind: str, names: Sequence[str]) -> None:
        for number, name in enumerate(names):
            if name and name in names[:number]:
                raise self._fault((kind, number, "name"), f"is the name of another {kind}, too: `{name}`")

    def _icon(self, given: str) -> Path | None:
        from bundler import icon

        path = self._path(("assistant", "icon"), given)
        try:
            if path:
                icon.read(path)
        except UsageError as error:
            reason = str(error).removeprefix(f"Reading the icon `{path}`: ").rstrip(".")
            raise self._fault(("assistant", "icon"), f"cannot be `{given}`: {reason}") from error
        return path

    def _model(self, number: int, table: ModelTable) -> WantedModel:
        way: Keys = ("model", number)
        if table.sha256 and not table.source.startswith(("https://", "http://")):
            raise self._fault((*way, "sha256"), "is of use for an https address alone; leave it out")
        if table.imatrix and not table.quantize:
            raise self._fault((*way, "imatrix"), "helps to quantise; add quantize")
        self._check_type((*way, "quantize"), table.quantize.lower())
        return WantedModel(
            source=self._at((*way, "source"), partial(self._place.source, sha256=table.sha256), table.source),
            role=table.role,
            name=table.name,
            quantize=table.quantize.lower(),
            imatrix=self._path((*way, "imatrix"), table.imatrix),
            sha256=table.sha256.lower(),
            license=table.license,
        )

    def _check_type(self, way: Keys, name: str) -> None:
        from bundler import convert

        known = ["auto", *(kind.lower() for kind in convert.types())] if name else [""]
        if name not in known:
            raise self._fault(way, f"is `{name}`, which is no type; {nearest(known, name).rstrip('.')}")

    def _adapter(self, number: int, table: AdapterTable) -> WantedAdapter:
        way: Keys = ("adapter", number, "source")
        if table.source.startswith(ADDRESSES):
            return WantedAdapter(self._at(way, self._place.address, table.source), table.name, table.scale)
        return WantedAdapter(str(self._path(way, table.source)), table.name, table.scale)

    def _template(self, given: RecipeTable) -> str:
        chats = [number for number, table in enumerate(given.model) if table.role in ("", "chat")]
        for number, table in enumerate(given.model):
            if not table.chat_template:
                continue
            way: Keys = ("model", number, "chat-template")
            if chats[:1] != [number]:
                raise self._fault(way, "is of use for the first chat model alone")
            text = table.chat_template
            if "{" not in text:
                text = self._at(way, self._place.text, text.removeprefix("@"))
            return self._at(way, self._place.template, text)
        return ""

    def _defaults(self, given: dict[str, Any]) -> dict[str, Setting]:
        made: dict[str, Setting] = {}
        for name, value in given.items():
            try:
                flag, meant = setting(name, value)
            except ValueError as error:
                raise self._fault(("defaults", name), str(error)) from error
            if flag.name in made:
                raise self._fault(("defaults", name), f"says again what `{flag.name}` says")
            made[flag.name] = meant
        return made

    def _target(self, number: int, name: str) -> str:
        from bundler.targets import names

        if name not in names():
            raise self._fault(("targets", number), f"names `{name[:60]}`, which is none of {', '.join(names())}")
        return name

    def _output(self, given: str) -> Path | None:
        try:
            return Path(os.path.normpath(self._place.folder / Path(given).expanduser())) if given else None
        except RuntimeError as error:
            raise self._fault(("output",), "begins with a home that nobody has") from error

    def _version(self, version: str) -> str:
        if not version.isprintable():
            raise self._fault(("version",), "is not one line of plain text")
        return version

    def _words(self, way: Keys, given: str) -> str:
        """The text itself; for `@FILE` what stands in the file, without its last line break."""
        if not given.startswith("@"):
            return given
        text = self._place.text(given[1:], line_of(self._where, way), written(way), MAX_WORDS_BYTES)
        return text.removesuffix("\n")

    def _path(self, way: Keys, given: str) -> Path | None:
        return self._at(way, self._place.file, given) if given else None

    def _at(self, way: Keys, read: Callable[[str, int, str], Made], given: str) -> Made:
        return read(given, line_of(self._where, way), written(way))

    def _fault(self, way: Keys, reason: str) -> RecipeInvalid:
        return self._place.fault(line_of(self._where, way), written(way), reason)
