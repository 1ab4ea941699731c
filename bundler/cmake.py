"""Configures and compiles a CMake project with the cmake, ninja and zig that pip installed.

The environment of the compilers is an allow-list: flags and search paths that a user has
set for other projects must not decide our bytes.
"""

import importlib
import os
import re
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType

from bundler import store
from runtime.errors import BuildFailed

TIMEOUT_S = 5400
KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "USERPROFILE", "LOCALAPPDATA", "COMSPEC")
_STEP = re.compile(rb"\[(\d+)/(\d+)\] ")

Options = Mapping[str, str | bool]
Progress = Callable[[str, int, int], None]
"""Called with (what, compile steps done, steps in all)."""


def build(source: Path, options: Options, targets: Sequence[str], log: Path, what: str, progress: Progress) -> Path:
    """Configure `source` and compile `targets`; return the build directory, beside the source.

    Everything the tools print goes to `log`, which stays when something fails.
    Raises: BuildFailed when a tool is missing, stops with an error or runs out of time.
    """
    folder = source.with_name(source.name + "-build")
    define = [f"-D{name}={_cmake_value(value)}" for name, value in sorted(options.items())]
    run([cmake(), "-G", "Ninja", "-S", source, "-B", folder, f"-DCMAKE_MAKE_PROGRAM={ninja()}", *define], log, what)
    run([ninja(), "-C", folder, *targets], log, what, progress)
    log.unlink()
    return folder


def zig() -> Path:
    """The zig executable of the package `ziglang`."""
    folder = Path(str(_package("ziglang").__file__)).parent
    return folder / ("zig.exe" if os.name == "nt" else "zig")


def zig_version() -> str:
    """The version of zig, which decides every compiled byte."""
    _package("ziglang")
    return metadata.version("ziglang")


def cmake() -> Path:
    """The cmake executable of the package `cmake`."""
    return Path(_package("cmake").CMAKE_BIN_DIR) / "cmake"


def ninja() -> Path:
    """The ninja executable of the package `ninja`."""
    return Path(_package("ninja").BIN_DIR) / "ninja"


def run(
    command: Sequence[str | Path], log: Path, what: str, progress: Progress | None = None, timeout_s: float = TIMEOUT_S
) -> None:
    """Run one tool, append what it prints to `log`, and report ninja's steps.

    Raises: BuildFailed with the log's path when it fails or takes longer than `timeout_s`.
    """
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment()
        )
    except OSError as error:
        raise BuildFailed(what, f"`{words[0]}` cannot be started ({error.strerror})") from error
    alarm = threading.Timer(timeout_s, process.kill)
    alarm.start()
    try:
        with log.open("ab", buffering=0) as out:
            _pump(process, out.write, what, progress)
        process.wait()
    finally:
        timed_out = alarm.finished.is_set()
        alarm.cancel()
        process.kill()
        process.wait()
    if timed_out:
        raise BuildFailed(what, f"`{Path(words[0]).name}` took longer than {timeout_s:.0f} s", log)
    if process.returncode:
        raise BuildFailed(what, f"`{Path(words[0]).name}` ended with status {process.returncode}", log)


def _pump(
    process: subprocess.Popen[bytes], write: Callable[[bytes], int], what: str, progress: Progress | None
) -> None:
    if process.stdout is None:
        return
    for line in process.stdout:
        write(line)
        if progress and (step := _STEP.match(line)):
            progress(what, int(step[1]), int(step[2]))


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    cache = str(store.cache_dir("zig"))
    return kept | {
        "LC_ALL": "C",
        "SOURCE_DATE_EPOCH": "0",
        "ZIG_GLOBAL_CACHE_DIR": cache,
        "ZIG_LOCAL_CACHE_DIR": cache,
    }


def _cmake_value(value: str | bool) -> str:
    return value if isinstance(value, str) else "ON" if value else "OFF"


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BuildFailed("a native part", f"the package `{name}` is missing; `make setup` installs it") from error
