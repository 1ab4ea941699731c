"""Reads a recipe from whatever it is written in: `lmfile.toml`, an Ollama Modelfile, `.args`, a llamafile with some."""

from pathlib import Path

from bundler.recipe.recipe import Recipe
from runtime.errors import RecipeInvalid


def read(path: Path) -> tuple[Recipe, list[str]]:
    """The recipe, and warnings about what it says that has no effect here. Raises: RecipeInvalid."""
    name = path.name.lower()
    if name.endswith(".toml"):
        from bundler.recipe.toml_file import read as read_toml_file

        return read_toml_file(path), []
    if name.endswith(".args"):
        from bundler.recipe.args import read as read_args

        return read_args(path)
    if ".llamafile" in name:
        from bundler.recipe.args import read_llamafile

        return read_llamafile(path)
    if is_modelfile(path):
        from bundler.recipe.modelfile import read as read_modelfile

        return read_modelfile(path)
    raise RecipeInvalid(path, 0, "", "it is called neither *.toml, nor Modelfile, nor .args, so it is no recipe")


def is_modelfile(path: Path) -> bool:
    """Whether the name is a Modelfile's: `Modelfile`, `Modelfile.small`, `small.modelfile`."""
    name = path.name.lower()
    return name.partition(".")[0] == "modelfile" or name.endswith(".modelfile")
