"""The flags that a recipe packs, read through the executable's own table: by their long names, with values that fit."""

from bundler.recipe import Recipe
from runtime.cli.defaults import setting
from runtime.errors import UsageError


def packed(recipe: Recipe) -> dict[str, object]:
    """What the manifest says; a chat template is one of them. Raises: UsageError that names the flag."""
    given = dict(recipe.defaults) | ({"chat-template": recipe.chat_template} if recipe.chat_template else {})
    found: dict[str, object] = {}
    for name, value in given.items():
        try:
            flag, meant = setting(name, value)
        except ValueError as fault:
            raise UsageError(f"Packing the flag `{name[:40]}`: it {fault}.") from fault
        found[flag.name] = list(meant) if isinstance(meant, tuple) else meant
    return found
