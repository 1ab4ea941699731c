"""Where executables are written: a name for each target, and never over a file that is somebody's work."""

from pathlib import Path

from bundler.analysis import builder_target
from bundler.recipe import Recipe
from runtime.errors import PayloadDamaged, UsageError
from runtime.payload import Payload

WINDOWS_ENDING = ".exe"


def named(recipe: Recipe) -> dict[str, Path]:
    """The file of each target: the output's name, with the target's behind it where there are several.

    Windows starts only what ends in `.exe`. Raises: UsageError without an output.
    """
    if recipe.output is None:
        raise UsageError("Building: there is no output; add -o FILE, or `output` to the recipe.")
    targets = tuple(dict.fromkeys(recipe.targets)) or (builder_target(),)
    stem = recipe.output
    several = len(targets) > 1
    return {target: _file(stem.with_name(f"{stem.name}-{target}") if several else stem, target) for target in targets}


def check(output: Path, force: bool) -> None:
    """An existing file is replaced only if it is an executable of ours: a slip must not cost a document.

    Raises: UsageError.
    """
    if output.is_dir():
        raise UsageError(f"Writing `{output}`: it is a directory; name the file to write with -o.")
    if not output.exists() or force:
        return
    try:
        Payload.open(output)
    except (PayloadDamaged, OSError) as error:
        raise UsageError(
            f"Writing `{output}`: the file exists and is not an lmfile; add --force to replace it."
        ) from error


def _file(name: Path, target: str) -> Path:
    if target.startswith("windows") and name.suffix.lower() != WINDOWS_ENDING:
        return name.with_name(name.name + WINDOWS_ENDING)
    return name
