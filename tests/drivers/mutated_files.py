"""Damaged weights of every kind a build takes: refused in our own words, or sound to whoever else reads the format.

What is accepted is held against others' readers: GGUF against the engine's own, which then has to load and run the
model in a process of its own without dying, and safetensors against the format's library.
"""

import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open

from bundler import engine, fetch
from bundler.analysis import builder_target
from bundler.content import pieces
from bundler.sources import Source, local, safetensors_folder
from runtime import gguf
from runtime.adapters import peft
from runtime.adapters.check import check_adapter
from runtime.errors import LmfileError
from tests.adapters.folders import K_PROJ, base_model, peft_folder, safetensors
from tests.drivers.damage import Mutant, by_chance, of_gguf, of_safetensors, rewritten
from tests.questions import TINY_MODEL
from tests.split_models import split
from tests.zipaligned import llamafile

COUNT = 1000
"""Of each kind."""

SEED = 6
PROBE = Path(__file__).resolve().parent.parent / "engine" / "mutants_probe.py"
LIMIT_S = 30.0
"""For the engine and one small model."""

MAX_SENTENCE = 600
TENSORS_A_SHARD = 12
HF_FILE = {"model.embed_tokens.weight": ("F32", (4, 2), range(8)), "lm_head.weight": ("F16", (2, 4), range(8))}


@dataclass
class Outcome:
    """How many mutants were refused, by class of error; how far the engine came with the others; what must not be."""

    refused: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = [
            f"{number} x {what}" for table in (self.refused, self.accepted) for what, number in sorted(table.items())
        ]
        return f"{', '.join(counts)} {self.wrong[:10]}"


def all_kinds(count: int = COUNT) -> dict[str, Outcome]:
    """Damage `count` files of each kind."""
    found, native = {}, engine.engine(builder_target())
    for name, check in KINDS.items():
        with tempfile.TemporaryDirectory(prefix="lmfile-mutants-") as folder:
            found[name] = check(Path(folder), count, native)
    return found


def of_models(folder: Path, count: int, native: Path) -> Outcome:
    """Whole GGUFs."""
    path = folder / "model.gguf"
    with Engine(native) as running:
        outcome = Outcome()
        for mutant in of_gguf(TINY_MODEL, count, SEED):
            path.write_bytes(mutant.data)
            _judge_model(outcome, mutant, path, path, running)
    return outcome


def of_values(folder: Path, count: int, native: Path) -> Outcome:
    """Whole GGUFs that are sound, and not the model that they were."""
    path, outcome = folder / "model.gguf", Outcome()
    with Engine(native) as running:
        for mutant in rewritten(TINY_MODEL, count, SEED):
            path.write_bytes(mutant.data)
            _judge_model(outcome, mutant, path, path, running)
    return outcome


def of_shards(folder: Path, count: int, native: Path) -> Outcome:
    """One shard of several: each in its turn."""
    whole = split(TINY_MODEL, folder, "sound", TENSORS_A_SHARD)
    joined = folder / "joined.gguf"
    outcome = Outcome()
    with Engine(native) as running:
        for number, sound in enumerate(whole):
            data = sound.read_bytes()
            for mutant in of_gguf(sound, count // len(whole) + 1, SEED + number):
                sound.write_bytes(mutant.data)
                _judge_model(outcome, mutant, sound, joined, running)
            sound.write_bytes(data)
    return outcome


def of_llamafiles(folder: Path, count: int, native: Path) -> Outcome:
    """The zip around a model: its headers and its directory, which is false in whatever way chance has it."""
    sound = llamafile(folder / "sound.llamafile", {".args": b"-m\nm.gguf\n", "m.gguf": TINY_MODEL.read_bytes()})
    data, path, taken = sound.read_bytes(), folder / "m.llamafile", folder / "m.gguf"
    directory = data.index(b"PK\1\2")
    outcome = Outcome()
    with Engine(native) as running:
        for mutant in by_chance(data[directory:], len(data) - directory, count, SEED):
            path.write_bytes(data[:directory] + mutant.data)
            _judge_model(outcome, mutant, path, taken, running)
    return outcome


def of_adapters(folder: Path, count: int, _native: Path) -> Outcome:
    """The safetensors of PEFT folders, which are converted; what comes out must pass for an adapter."""
    base, outcome = base_model(folder), Outcome()
    target, output = peft_folder(folder / "adapter"), folder / "adapter.gguf"
    for mutant in of_safetensors(safetensors(K_PROJ), count, SEED):
        (target / "adapter_model.safetensors").write_bytes(mutant.data)

        def convert() -> None:
            with output.open("w+b") as file:
                peft.convert(target, base, file)
            check_adapter(output, 0, 0, base)

        if _is_taken(outcome, mutant, convert):
            _judge_safetensors(outcome, mutant, target / "adapter_model.safetensors")
    return outcome


def of_folders(folder: Path, count: int, _native: Path) -> Outcome:
    """The safetensors of models that are to be converted."""
    path, outcome = folder / "model.safetensors", Outcome()
    (folder / "config.json").write_text("{}")
    for mutant in of_safetensors(safetensors(HF_FILE), count, SEED):
        path.write_bytes(mutant.data)
        if _is_taken(outcome, mutant, lambda: safetensors_folder.check(folder)):
            _judge_safetensors(outcome, mutant, path)
    return outcome


class Engine:
    """The engine of `folder` in a process of its own, which is started again when it dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> "Engine":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(LIMIT_S)

    def asked(self, path: Path) -> str:
        """How far it comes with the model at `path`; `died` or `hung` if it does not come back."""
        said = "hung"
        try:
            self._process.stdin.write(f"{path}\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
            line = self._lines.get(timeout=LIMIT_S)
            said = line.rpartition("\t")[2].strip() if line.endswith("\n") else "died"
        except BrokenPipeError:
            said = "died"
        except queue.Empty:
            pass
        if said in ("hung", "died"):
            self._process.kill()
            self._process.wait(LIMIT_S)
            self._start()
        return said

    def _start(self) -> None:
        command = [sys.executable, str(PROBE), str(self._folder)]
        environment = {**os.environ, "GGML_NO_BACKTRACE": "1"}  # a debugger would write into the answers
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_listen, args=(self._process, self._lines), daemon=True).start()


def _listen(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    for line in process.stdout or ():
        lines.put(line)
    lines.put("")


def _judge_model(outcome: Outcome, mutant: Mutant, path: Path, whole: Path, running: Engine) -> None:
    """Open `path` as a build does; what is taken goes to the engine, as the one file that would be packed."""
    found: list[Source] = []

    def opened() -> None:
        found.append(local.open(path, fetch.quiet))
        gguf.facts(found[0].file)

    if not _is_taken(outcome, mutant, opened):
        return
    if whole != path:
        _write(found[0], whole)
    said = running.asked(whole)
    outcome.accepted[said] += 1
    if said in ("died", "hung", "false"):
        outcome.wrong.append(f"{path.name}, {mutant.what}: the engine {said}")


def _write(source: Source, target: Path) -> None:
    with target.open("wb") as file:
        for piece in pieces(source.content):
            if isinstance(piece, bytes):
                file.write(piece)
                continue
            with piece.path.open("rb") as part:
                part.seek(piece.offset)
                file.write(part.read(piece.size))


def _is_taken(outcome: Outcome, mutant: Mutant, take: Callable[[], object]) -> bool:
    """Whether a mutant is accepted; a refusal must be ours, and one sentence, and what is false must be refused."""
    try:
        take()
    except LmfileError as error:
        outcome.refused[type(error).__name__] += 1
        if "\n" in str(error) or len(str(error)) > MAX_SENTENCE:
            outcome.wrong.append(f"{mutant.what}: {str(error)[:300]!r}")
        return False
    except Exception as error:  # noqa: BLE001 it is what is looked for
        outcome.wrong.append(f"{mutant.what}: {error!r}")
        return False
    if mutant.is_false:
        outcome.wrong.append(f"{mutant.what}: accepted")
    return True


def _judge_safetensors(outcome: Outcome, mutant: Mutant, path: Path) -> None:
    try:
        with safe_open(path, "np") as file:
            for name in file.keys():  # noqa: SIM118 it is no mapping
                file.get_tensor(name)
        outcome.accepted["read"] += 1
    except (SafetensorError, TypeError, ValueError) as error:
        outcome.accepted["false"] += 1
        outcome.wrong.append(f"{path.name}, {mutant.what}: the library says {str(error)[:200]}")


KINDS: dict[str, Callable[[Path, int, Path], Outcome]] = {
    "GGUF": of_models,
    "other values": of_values,
    "shards": of_shards,
    "llamafiles": of_llamafiles,
    "PEFT folders": of_adapters,
    "Hugging Face folders": of_folders,
}
