"""What to build: read from `lmfile.toml`, a Modelfile, a llamafile's `.args` or the command line."""

from bundler.recipe.recipe import Message, Recipe, WantedAdapter, WantedModel

__all__ = ["Message", "Recipe", "WantedAdapter", "WantedModel"]
