"""What to build: read from `lmfile.toml`, a Modelfile, a llamafile's `.args` or the command line."""

from bundler.recipe.reading import read
from bundler.recipe.recipe import LicenseText, Message, Recipe, Setting, WantedAdapter, WantedModel

__all__ = ["LicenseText", "Message", "Recipe", "Setting", "WantedAdapter", "WantedModel", "read"]
