"""Quantises in every type, with and without importance matrices, and compares each file with llama-quantize's.

A model of random numbers whose widths fit every type, and SmolLM2 in four of them. What one refuses, both refuse.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bundler.convert import kinds, quantize
from bundler.convert.quantize import Options
from runtime.errors import LmfileError
from tests.bundler.convert import models
from tests.models import smollm2_gguf

LIMIT_S = 900
SMOLLM2_TYPES = ("Q8_0", "Q4_K_M", "IQ4_NL", "Q5_0")


@dataclass
class Files:
    """What was found: files with the same bytes, refusals by both, and what was wrong."""

    same: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


def compare(llama_quantize: Path) -> Files:
    """Quantise all of it by both; two minutes on two cores, and three more for SmolLM2."""
    result = Files()
    with tempfile.TemporaryDirectory(prefix="lmfile-types-") as name:
        folder = Path(name)
        for model, kind, matrix, options in _cases(folder):
            flags = [
                *(["--imatrix", matrix.name] if matrix else []),
                *["--allow-requantize"] * options.allow_requantize,
            ]
            theirs = _theirs([llama_quantize, *flags, model, "theirs.gguf", kind], folder)
            what = f"{model.name} as {kind}" + (f" by {matrix.name}" if matrix else "")
            try:
                quantize.quantize(model, kind, folder / "ours.gguf", _quiet, matrix=matrix, options=options)
            except LmfileError as error:
                result.refused += theirs is None
                result.wrong += [] if theirs is None else [f"{what}: {error}"]
                continue
            same = (folder / "ours.gguf").read_bytes() == theirs
            result.same += same
            result.wrong += [] if same else [f"{what}: the bytes differ"]
    return result


def _cases(folder: Path) -> Iterator[tuple[Path, str, Path | None, Options]]:
    model = models.random_model(folder / "random.gguf")
    old = models.dat(folder / "texts.dat", models.importance())
    new = models.imatrix_gguf(folder / "texts.gguf", models.importance(shift=0.1))
    for kind in kinds.names():
        for matrix in (None, old, new):
            yield model, kind, matrix, Options()
    for kind in SMOLLM2_TYPES:
        yield smollm2_gguf(), kind, None, Options(allow_requantize=True)


def _theirs(command: list[str | Path], folder: Path) -> bytes | None:
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=LIMIT_S, check=False)
    return None if done.returncode else (folder / "theirs.gguf").read_bytes()


def _quiet(_what: str, _done: int, _total: int) -> None:
    """No progress."""
