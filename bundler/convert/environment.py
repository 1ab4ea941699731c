"""Makes the isolated environment that the converter of llama.cpp runs in: a virtual environment in the builder's cache.

build/convert/ lists its packages, each by version and hash; nothing is compiled and no build script is run. PyTorch
comes as its CPU build: from where pip is configured to look for files, else on Linux from PyTorch's own index, as the
build in the registry there needs gigabytes of CUDA. It takes 1.1 GB of disk.
"""

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from bundler import store
from bundler.convert import child
from bundler.sources.source import Progress
from runtime.errors import BuildFailed

WHAT = "the environment for conversions"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
KIND = "convert"
PYTHONS = ((3, 11), (3, 14))
"""The versions that the pinned wheels are for."""

SILENCE_S = 900  # pip says nothing while it unpacks
STEPS = 40
"""What pip collects and installs, about: it is shown, not counted on."""

_FLAGS = (
    "--no-deps", "--only-binary", ":all:", "--require-hashes",
    "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
)  # fmt: skip
_CONNECTION = ("--retries", "2", "--timeout", "30")


def environment(progress: Progress) -> Path:
    """Return the Python of the environment, making it if there is none; two processes make it once.

    Raises: BuildFailed with what pip said last; nothing is left of a failed one. CacheBusy.
    """
    folder = store.once(KIND, _key(), lambda staging: _make(staging, progress))
    return _python(folder)


def is_made() -> bool:
    """Whether `environment` would only have to look it up."""
    return _python(store.cache_dir(KIND) / _key()).exists()


def recipe() -> list[Path]:
    """What decides the environment."""
    return [store.build_dir() / "convert" / name for name in ("torch.txt", "requirements.txt")]


def versions() -> dict[str, str]:
    """The pinned version of each package that decides the bytes of a conversion."""
    wanted = ("torch", "transformers")
    lines = [line for path in recipe() for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = (line.split(" ")[0].partition("==") for line in lines if "==" in line)
    return {name: version for name, _, version in pairs if name in wanted}


def _key() -> str:
    """An environment is bound to the Python that it was made with."""
    base = str(Path(sys.base_prefix).resolve())
    return store.recipe_hash("environment", *recipe(), sys.version, sys.platform, platform.machine(), base)


def _make(staging: Path, progress: Progress) -> None:
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        least, most = ("{}.{}".format(*version) for version in PYTHONS)
        raise BuildFailed(WHAT, f"PyTorch is pinned for Python {least} to {most}; run lmfile with one of these")
    log = store.cache_dir("logs") / "convert-environment.log"
    _run(
        [sys.executable, "-m", "venv", "--copies" if os.name == "nt" else "--symlinks", staging], staging, log, progress
    )
    torch, others = recipe()
    pip: list[str | Path] = [_python(staging), "-m", "pip", "install", *_FLAGS, *_CONNECTION]
    if not _succeeds([*pip, "--no-index", "-r", torch], staging, log, progress):
        index = ["--index-url", TORCH_INDEX] if sys.platform == "linux" else []
        _run([*pip, *index, "-r", torch], staging, log, progress)
    _run([*pip, "-r", others], staging, log, progress)
    progress(WHAT, STEPS, STEPS)
    log.unlink(missing_ok=True)


def _run(command: Sequence[str | Path], folder: Path, log: Path, progress: Progress) -> None:
    ended = _ended(command, folder, log, progress)
    if ended.status != 0:
        raise BuildFailed(WHAT, ended.happened, log)


def _succeeds(command: Sequence[str | Path], folder: Path, log: Path, progress: Progress) -> bool:
    return _ended(command, folder, log, progress).status == 0


def _ended(command: Sequence[str | Path], folder: Path, log: Path, progress: Progress) -> child.Ended:
    """One run of pip or venv, a step of the bar for each package that pip begins with."""
    done = 0

    def on_line(line: str) -> None:
        nonlocal done
        done += line.startswith(("Collecting", "Processing", "Installing"))
        progress(WHAT, min(done, STEPS - 1), STEPS)

    configured = {name: value for name, value in os.environ.items() if _is_of_pip(name)}
    try:
        return child.run(command, folder, log, SILENCE_S, on_line=on_line, extra=configured)
    except OSError as error:
        raise BuildFailed(WHAT, f"`{command[0]}` cannot be started ({error.strerror})") from error


def _is_of_pip(name: str) -> bool:
    """Whether a variable says where packages come from and how the network is reached."""
    return name.startswith("PIP_") or name.upper() in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "SSL_CERT_FILE",
    )


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
