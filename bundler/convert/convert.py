"""Converts a folder of Hugging Face to GGUF by llama.cpp's own converter, in a process of its own.

The same files and settings give the same bytes, in whatever folder they lie: the converter sees links under names of
ours. The output lies beside its target until it is complete and has been read through by our own reader.
"""

import compileall
import os
import py_compile
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundler import fetch, llama_source, store
from bundler.convert import child, environment, folder
from bundler.convert.folder import Input
from bundler.sources.source import Progress
from runtime import gguf
from runtime.errors import ConversionFailed, DiskFull, LmfileError, ModelInvalid, ModelUnsupported, UsageError

OUTTYPES = ("f32", "f16", "bf16", "q8_0", "auto")
WIDTH = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 1.07, "auto": 2.0}
"""Bytes of a weight in the output, about; those of the input have two at least."""

SILENCE_S = 900  # a layer of experts is put together without a word
FULL_BYTES = 4 << 20
VIEW, OUTPUT = "model", "output.gguf"

_WRITTEN = re.compile(r"Writing:\s+(\d+)%")
_PERMITTED_NAME = re.compile(r"[^\x00-\x1f]{1,200}")
_NOT_SUPPORTED = re.compile(r"Model (\S+) is not supported")


def convert(
    path: Path, outtype: str, target: Path, progress: Progress, *, name: str = "", mmproj: bool = False
) -> tuple[Mapping[str, Any], ...]:
    """Write the model in the folder `path` as GGUF to `target`; -> the steps of its provenance.

    outtype: f32, f16, bf16, q8_0 or auto, the 16 bits that lose least. name: what the model is called; empty: what its
    card or configuration says. mmproj: the part that reads images or sound. Raises: ModelNotFound, ModelUnsupported,
    UsageError, BuildFailed, DownloadFailed, ConversionFailed, DiskFull.
    """
    if outtype not in OUTTYPES:
        raise UsageError(
            f"Converting `{path}`: there is no type `{outtype}` to convert to; choose {', '.join(OUTTYPES)}."
        )
    if name and not _PERMITTED_NAME.fullmatch(name):
        raise UsageError(
            f"Converting `{path}`: the name has more than 200 characters or control characters; shorten it."
        )
    files = folder.survey(path)
    _check_room(files, outtype, target)
    python, code = environment.environment(progress), converter(progress)
    with tempfile.TemporaryDirectory(prefix=".lmfile-", dir=target.parent) as work:
        folder.view(files, Path(work) / VIEW)
        flags = ["--mmproj"] * mmproj + ["--sentence-transformers-dense-modules"] * folder.has_dense_modules(files)
        job = {"code": str(code), "folder": VIEW, "output": OUTPUT, "type": outtype, "name": name, "flags": flags}
        _run(python, job, Path(work), path, progress)
        made = _only(Path(work), path)
        _check(made, path, mmproj)
        made.replace(target)
    return (step(outtype, mmproj),)


def step(outtype: str, mmproj: bool = False) -> Mapping[str, Any]:
    """What a conversion says of itself in the provenance."""
    by = {"converter": fetch.pins()[llama_source.PIN].filename.removesuffix(".tar.gz"), **environment.versions()}
    return {"step": "convert", "type": outtype, **({"part": "mmproj"} if mmproj else {}), **by}


def converter(progress: Progress) -> Path:
    """Where llama.cpp's converter lies, unpacked once. Raises: DownloadFailed, BuildFailed."""
    key = store.recipe_hash("converter, compiled", fetch.pins()[llama_source.PIN].sha256)
    made = store.once(environment.KIND, key, lambda staging: _unpack(staging, progress))
    return made / llama_source.LLAMA_CPP


def recipe() -> list[object]:
    """Everything besides the input that decides an output."""
    scripts = sorted((store.build_dir() / "convert").glob("*.py"))
    return [fetch.pins()[llama_source.PIN].sha256, *environment.recipe(), *scripts]


def program(name: str) -> Path:
    """One of our programs that run in processes of their own."""
    return store.build_dir() / "convert" / name


def check_room(target: Path, needed_bytes: int) -> None:
    """Raises: DiskFull where `target` would not fit beside everything else on its disk."""
    if shutil.disk_usage(target.absolute().parent).free < needed_bytes:
        raise DiskFull(target, needed_bytes)


def failed(what: Path | str, happened: str, log: Path | None, work: Path) -> LmfileError:
    """The error of a child that failed while it wrote into `work`: a full disk is told as such."""
    if "No space left" in happened or shutil.disk_usage(work).free < FULL_BYTES:
        return DiskFull(work.parent)
    return ConversionFailed(what, happened, log)


def _unpack(staging: Path, progress: Progress) -> None:
    code = llama_source.unpack_converter(staging, progress)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(code, quiet=2, invalidation_mode=unchecked)  # or each conversion does it: half a second


def _check_room(files: list[Input], outtype: str, target: Path) -> None:
    weights = sum(file.size for file in files if file.name.endswith(folder.WEIGHTS))
    held = {"f32": 4}.get(folder.precision(files), 2)
    check_room(target, int(weights / held * WIDTH[outtype]))


def _run(python: Path, job: Mapping[str, object], work: Path, path: Path, progress: Progress) -> None:
    what, log = f"converting {path.name}", store.cache_dir("logs") / f"convert-{os.getpid()}.log"
    refused = ""

    def on_line(line: str) -> None:
        nonlocal refused
        if found := _WRITTEN.match(line):
            progress(what, min(99, int(found[1])), 100)
        elif found := _NOT_SUPPORTED.search(line):
            refused = found[1]

    progress(what, 0, 100)
    offline = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HOME": str(work / "hub"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    command: list[str | Path] = [python, "-s", "-W", "ignore", program("hf_to_gguf.py")]
    try:
        ended = child.run(command, work, log, SILENCE_S, job, on_line, offline)
    except OSError as error:
        raise ConversionFailed(
            path, f"`{python}` cannot be started ({error.strerror}); delete {python.parent.parent}"
        ) from error
    if ended.status != 0:
        happened = f"llama.cpp's converter does not know the architecture `{refused}`" if refused else ended.happened
        raise failed(path, happened, None if refused else log, work)
    progress(what, 100, 100)
    log.unlink(missing_ok=True)


def _check(made: Path, path: Path, mmproj: bool) -> None:
    """Read through what came out: a configuration that does not fit its weights shows there."""
    try:
        file = gguf.read(made)
        if not mmproj:
            gguf.facts(file)
    except (ModelInvalid, ModelUnsupported) as error:
        raise ConversionFailed(path, f"what came out cannot be used, since {error.reason}") from error


def _only(work: Path, path: Path) -> Path:
    made = sorted(work.glob("*.gguf"))
    if len(made) != 1:
        raise ConversionFailed(path, f"the converter wrote {len(made)} files instead of one")
    return made[0]
