"""Compiles the chat template of a recipe before it is packed, with the runtime's own code in the portable CPython.

A start does not look at a packed one again, so a broken one would be found out by the users of the executable.
"""

import json
import tempfile
from pathlib import Path

from bundler import analysis, cpython, fetch, store, wheels
from bundler.defaults import packed
from bundler.image_recipe import ImageRecipe
from bundler.recipe import Recipe
from runtime.errors import UsageError

FLAG = "chat-template"
SCRIPT = "template.py"


def check(recipe: Recipe, progress: fetch.Progress = fetch.quiet) -> None:
    """Raises: UsageError for a template that is none; DownloadFailed, BuildFailed where it cannot be looked at."""
    text = packed(recipe).get(FLAG)
    if not isinstance(text, str) or "{" not in text:
        return  # none, or the name of one that the runtime has
    target = analysis.builder_target()
    packages = wheels.unpacked(ImageRecipe(target).contents.packages, target, progress)
    script = store.build_dir() / "python" / SCRIPT
    with tempfile.TemporaryDirectory() as scratch:
        into = Path(scratch) / "fault.json"
        job = {"text": text, "into": str(into)}
        path = [packages, store.project_dir()]
        analysis.run(cpython.portable(target, progress), script, job, path, Path(scratch))
        fault: str = json.loads(into.read_text(encoding="utf-8"))
    if fault:
        raise UsageError(f"Packing the chat template: {fault.removeprefix('the ').rstrip('.')}; correct it.")
