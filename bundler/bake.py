"""Computes the system prompt of an executable while it is built, so that no start has to.

The runtime's own code does it, in a process of its own with the engine of this computer: what is computed depends on
model, engine, prompt and template, and neither on the target nor on how many cores there are. It is kept in
the cache under the hash of all of these.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bundler import analysis, cpython, defaults, engine, store, wheels
from bundler.assemble import Ingredients
from bundler.console import Console
from bundler.container import Part, digests_of
from bundler.content import Slice, pieces
from bundler.convert import child
from bundler.fetch import Progress
from bundler.identity import Packed
from bundler.image_recipe import ImageRecipe
from bundler.model_members import PackedModel
from bundler.recipe import Recipe
from runtime.errors import BuildFailed, EngineRefused, UsageError
from runtime.payload import State

KIND, ROLE = "states", "state"
STATE, RESULT, ORDER, JOINED = "state", "result.json", "order.json", "joined.gguf"
WHAT = "the system prompt"
SILENCE_S = 1800.0
"""A chunk of 512 tokens of a large model on few cores takes minutes."""

CODE = "import sys; from runtime.__main__ import main; sys.exit(main())"
COPY_BYTES = 1 << 20


class _Made(NamedTuple):
    """form: of the memory that computed it."""

    form: str
    tokens: int


def baked(given: Ingredients, console: Console) -> Sequence[tuple[Part, State]]:
    """The computed system prompt of the main model as a member and its record; none, and a line, where it is no use.

    Raises: UsageError where an adapter changes every answer; BuildFailed; EngineRefused with the engine's sentence, as
    that there is no system prompt.
    """
    main, progress = given.models[0], console.progress
    if main.record.role != "chat":
        raise UsageError(f"Baking the system prompt: `{main.title}` has no conversations; leave out --bake.")
    if any(adapter.scale for adapter in given.adapters.records):
        raise UsageError(
            "Baking the system prompt: an adapter with a scale has a part in every answer, and would change what is"
            " baked; leave out its scale, or --bake."
        )
    if _engine(given) != engine.Recipe(given.target).hash:
        console.step("The system prompt is not baked: the engine that is kept is not the one of this lmfile.")
        return ()
    digest = digests_of(main.source.content, lambda done: progress(main.title, done, main.part.size)).sha256
    wanted = _wanted(given.recipe, given.assistant)
    root = store.once(KIND, _key(wanted, digest), lambda staging: _make(staging, wanted, main, progress))
    made = _Made(**json.loads((root / RESULT).read_text(encoding="utf-8")))
    if not made.tokens:
        console.step("The system prompt is too short for --bake to save anything; it is computed at each start.")
        return ()
    path = f"states/{Path(main.record.path).stem}.state"
    state = State(path, main.record.path, digest, _engine(given), made.form, made.tokens)
    return ((Part(path, ROLE, root / STATE), state),)


def _wanted(recipe: Recipe, assistant: Packed) -> dict[str, object]:
    record = assistant.record
    system = [{"role": "system", "content": record.system_prompt}] if record.system_prompt else []
    return {
        "messages": [*system, *({"role": one.role, "content": one.content} for one in record.messages)],
        "starters": list(record.starters),
        "defaults": defaults.packed(recipe),
    }


def _key(wanted: dict[str, object], digest: str) -> str:
    """Over all that decides the state's bytes; our code is that of prompts and of computing."""
    code = sorted((store.project_dir() / "runtime" / "engine").rglob("*.py"))
    return store.recipe_hash(wanted, digest, engine.Recipe(analysis.builder_target()).hash, *code)


def _engine(given: Ingredients) -> str:
    """The engine of the executable, which reads what that of this computer has computed if both are of one source."""
    facts = given.machinery.facts.get("engine")
    return str(facts.get("recipe", "")) if isinstance(facts, dict) else ""


def _make(staging: Path, wanted: dict[str, object], main: PackedModel, progress: Progress) -> None:
    """Raises: BuildFailed, EngineRefused."""
    target = analysis.builder_target()
    python = cpython.portable(target, progress)
    path = [
        wheels.unpacked(ImageRecipe(target).contents.packages, target, progress),
        engine.engine(target, progress),
        store.project_dir(),
    ]
    order, log = staging / ORDER, store.cache_dir("logs") / "bake.txt"
    model = _model(main, staging)
    order.write_text(
        json.dumps({**wanted, "model": model, "output": str(staging / STATE), "result": str(staging / RESULT)}),
        encoding="utf-8",
    )
    command: list[str | Path] = [python.executable, "-c", CODE, "--bake-state", order]
    environment = {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = child.run(
            command, staging, log, SILENCE_S, on_line=lambda line: _tell(line, progress), extra=environment
        )
    except OSError as error:
        raise BuildFailed(WHAT, f"`{python.executable}` cannot be started ({error.strerror})", log) from error
    said = _read(staging / RESULT)
    if "error" in said:
        raise EngineRefused(str(said["error"]), int(str(said["exit_code"])))
    if ended.status != 0 or "tokens" not in said:
        raise BuildFailed(WHAT, ended.happened, log)
    order.unlink()
    (staging / JOINED).unlink(missing_ok=True)


def _model(main: PackedModel, staging: Path) -> dict[str, object]:
    """Where the weights lie; those in several pieces are put together for as long as this takes."""
    row = pieces(main.source.content)
    if len(row) == 1 and isinstance(row[0], Slice):
        return {"path": str(row[0].path.absolute()), "offset": row[0].offset, "size": row[0].size}
    joined = staging / JOINED
    with joined.open("wb") as file:
        for piece in row:
            if isinstance(piece, bytes):
                file.write(piece)
                continue
            with piece.path.open("rb") as source:
                source.seek(piece.offset)
                left = piece.size
                while left and (data := source.read(min(left, COPY_BYTES))):
                    file.write(data)
                    left -= len(data)
    return {"path": str(joined), "offset": 0, "size": main.part.size}


def _tell(line: str, progress: Progress) -> None:
    """Pass on how far it is; all other lines are the engine's and go to the log alone."""
    if not line.startswith('{"done":'):
        return
    try:
        said = json.loads(line)
        progress("computing the system prompt", int(said["done"]), int(said["total"]))
    except (ValueError, KeyError):
        return


def _read(result: Path) -> dict[str, object]:
    try:
        found = json.loads(result.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
