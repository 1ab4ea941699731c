"""Begins a project: writes an `lmfile.toml` that builds as it stands, or what another recipe or model becomes there."""

import json
import re
from dataclasses import replace
from pathlib import Path

from bundler.recipe.place import ADDRESSES
from bundler.recipe.reading import is_modelfile, read
from bundler.recipe.recipe import Recipe, WantedModel
from bundler.recipe.toml_text import NAME, SCHEMA, written
from runtime.errors import CannotWrite, ModelNotFound, UsageError

USUAL_MODEL = "smollm2"
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.+-]+")


def start(place: Path, origin: str, force: bool) -> tuple[Path, list[str]]:
    """Write the recipe to the folder or file `place`; return its path, and warnings about what has no effect.

    origin: a model, a Modelfile, a llamafile, its `.args`, or another recipe; empty: a known model.
    Raises: UsageError for a file that is there already; RecipeInvalid, ModelNotFound for an origin
    that is wrong; CannotWrite.
    """
    file = place if place.suffix == ".toml" and not place.is_dir() else place / NAME
    folder = file.absolute().parent
    recipe, warnings = _origin(origin)
    if recipe.output is None:
        recipe = replace(recipe, output=folder / _output(recipe, folder))
    text, others = written(recipe, folder)
    files = {file.name: text, SCHEMA: _schema(), **others}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _check_free(folder / name, content, force or name == SCHEMA)
        for name, content in files.items():
            _write(folder / name, content)
    except OSError as error:
        raise CannotWrite(error.filename or folder, (error.strerror or str(error)).lower()) from error
    return file, warnings


def _origin(origin: str) -> tuple[Recipe, list[str]]:
    path = Path(origin).expanduser()
    name = path.name.lower()
    if not origin:
        return Recipe((WantedModel(USUAL_MODEL),)), []
    if name.endswith((".toml", ".args")) or is_modelfile(path):
        return read(path)
    if name.endswith(".llamafile") and path.is_file():
        from bundler.recipe.args import read_llamafile

        return read_llamafile(path)
    return Recipe((WantedModel(_model(origin, path)),)), []


def _model(origin: str, path: Path) -> str:
    from bundler.models import KNOWN

    if origin.startswith(ADDRESSES) or origin in KNOWN:
        return origin
    if not path.exists():
        raise ModelNotFound(origin, f"there is no such file, and the known models are {', '.join(KNOWN)}")
    return str(path.absolute())


def _output(recipe: Recipe, folder: Path) -> str:
    """What the executable is called: as the model, with an ending if something else is called so."""
    source = recipe.models[0].source.partition("#")[0].rstrip("/")
    stem = re.sub(r"\.(gguf|llamafile)$", "", re.split(r"[/\\:]", source.removeprefix("hf:").split("?")[0])[-1])
    plain = recipe.name or recipe.models[0].name or stem
    plain = _NOT_PLAIN.sub("-", plain).strip("-.").lower() or "assistant"
    return f"{plain}.lmfile" if (folder / plain).exists() else plain


def _schema() -> str:
    from bundler.recipe.toml_tables import schema

    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _check_free(path: Path, content: str, force: bool) -> None:
    if force or not path.exists() or path.read_bytes() == content.encode():
        return
    raise UsageError(f"Writing `{path}`: there is such a file already; add --force to replace it.")


def _write(path: Path, content: str) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content.encode())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
