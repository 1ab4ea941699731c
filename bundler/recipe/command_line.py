"""What the options of `lmfile build` say, as a recipe of its own or as changes of one that was read from a file."""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bundler.paths import is_there
from bundler.recipe import reading as readers
from bundler.recipe.recipe import LicenseText, Recipe, Setting, WantedAdapter, WantedModel
from runtime.errors import UsageError
from runtime.payload.assistant import MAX_SYSTEM_PROMPT
from runtime.payload.manifest import MAX_SCALE

USUAL = "lmfile.toml"
LLAMAFILE = ".llamafile"
ROLES = ("chat", "embed", "rerank", "draft", "mmproj")
MAX_TEMPLATE_BYTES = MAX_LICENSE_BYTES = 1 << 20

_WITH_ROLE = re.compile(rf"({'|'.join(ROLES)}):(.+)")
_NAMED = re.compile(r"([A-Za-z0-9_.+@-]{1,64})=(.+)")
_SCALED = re.compile(r"(.+):(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)")


def recipe(options: argparse.Namespace, warn: Callable[[str], None]) -> Recipe:
    """The recipe that is named or lies here, or the models that are named, with what the options change of it.

    Raises: UsageError, RecipeInvalid.
    """
    named = [Path(text) for text in options.models if is_recipe(Path(text))]
    others = [text for text in options.models if not is_recipe(Path(text))]
    if not options.models and Path(USUAL).is_file():
        named = [Path(USUAL)]
    if len(named) > 1 or not (named or others):
        count = f"there are {len(named)} recipes" if named else f"there is no model, and no {USUAL} here"
        raise UsageError(f"Building: {count}; name one recipe, or the models.")
    if not named and len(others) == 1 and LLAMAFILE in Path(others[0]).name.lower() and is_there(others[0]):
        named = [Path(others.pop()).expanduser()]  # it may say how it is to be run
    read = _read(named[0], warn) if named else Recipe(())
    return changed(replace(read, models=(*read.models, *map(model, others))), options)


def is_recipe(path: Path) -> bool:
    """Whether this is the name of a recipe, and not of a model."""
    return path.name.lower().endswith((".toml", ".args")) or readers.is_modelfile(path)


def model(text: str) -> WantedModel:
    """What `[ROLE:][NAME=]MODEL` means; a path that exists as it stands is taken as it stands."""
    role = name = ""
    if not is_there(text) and (found := _WITH_ROLE.fullmatch(text)):
        role, text = found[1], found[2]
    if not is_there(text) and (found := _NAMED.fullmatch(text)):
        name, text = found[1], found[2]
    return WantedModel(text, role=role, name=name)


def adapter(text: str) -> WantedAdapter:
    """What `[NAME=]PATH[:SCALE]` means; a path that exists as it stands is taken as it stands. Raises: UsageError."""
    scale, name, rest = 0.0, "", text
    if not is_there(rest) and (found := _SCALED.fullmatch(rest)):
        rest, scale = found[1], _scale(text, found[2])
    if not is_there(rest) and (found := _NAMED.fullmatch(rest)):
        name, rest = found[1], found[2]
    return WantedAdapter(rest, name, scale)


def setting(text: str) -> tuple[str, Setting]:
    """What `FLAG=VALUE` or `FLAG` means: the flag without dashes, and its value; a flag alone is switched on."""
    name, separator, value = text.partition("=")
    return name.lstrip("-"), value if separator else True


def changed(recipe: Recipe, options: argparse.Namespace) -> Recipe:
    """`recipe` with what the options of `lmfile build` say in place of, or beside, what it says itself.

    Raises: UsageError that names the option.
    """
    said: dict[str, Any] = {
        "name": options.name,
        "version": options.release,
        "icon": options.icon,
        "color": options.color,
        "greeting": options.greeting,
        "system_prompt": text(options.system_prompt, "system prompt", MAX_SYSTEM_PROMPT + 2),
        "starters": tuple(options.starter),
        "chat_template": _file(options.chat_template, "chat template", MAX_TEMPLATE_BYTES),
        "targets": tuple(options.target),
        "output": options.output,
        "bake": options.bake or None,
        "sidecar": options.sidecar or None,
    }
    return replace(
        recipe,
        **{key: value for key, value in said.items() if value not in (None, ())},
        models=_quantized(recipe.models, options.quantize, options.imatrix),
        adapters=(*recipe.adapters, *map(adapter, options.adapter)),
        defaults={**recipe.defaults, **dict(map(setting, options.set))},
        licenses=(*recipe.licenses, *map(_license, options.license)),
    )


def _quantized(models: Sequence[WantedModel], quantize: str | None, imatrix: Path | None) -> tuple[WantedModel, ...]:
    """`--quantize` is about every model that is not there to guess ahead or to look at pictures."""
    if imatrix and not (quantize or any(model.quantize for model in models)):
        raise UsageError("Reading the command line: --imatrix helps to quantise; add --quantize TYPE.")
    return tuple(model if model.role in ("draft", "mmproj") else _as(model, quantize, imatrix) for model in models)


def _as(model: WantedModel, quantize: str | None, imatrix: Path | None) -> WantedModel:
    return model._replace(quantize=quantize or model.quantize, imatrix=imatrix or model.imatrix)


def _read(path: Path, warn: Callable[[str], None]) -> Recipe:
    found, warnings = readers.read(path)
    for warning in warnings:
        warn(f"{path}: {warning}")
    return found


def _license(path: Path) -> LicenseText:
    return LicenseText(path.name, _file(path, "licence", MAX_LICENSE_BYTES) or "")


def _scale(text: str, number: str) -> float:
    try:
        scale = float(number)
    except ValueError:
        scale = float("nan")
    if not -MAX_SCALE <= scale <= MAX_SCALE:
        raise UsageError(f"Packing the adapter `{text}`: `{number}` is not a weight; write it as PATH:0.5.")
    return scale


def text(given: str | None, what: str, limit: int) -> str | None:
    """The text itself; for `@FILE` what stands in the file, without its last line break. Raises: UsageError."""
    if given is None or not given.startswith("@"):
        return given
    return _file(Path(given[1:]), what, limit)


def _file(path: Path | None, what: str, limit: int) -> str | None:
    if path is None:
        return None
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            text = file.read(limit)
    except UnicodeDecodeError as error:
        raise UsageError(f"Reading the {what} `{path}`: it is not UTF-8; save it as such.") from error
    except OSError as error:
        raise UsageError(f"Reading the {what} `{path}`: {(error.strerror or str(error)).lower()}.") from error
    return text.removesuffix("\n")
