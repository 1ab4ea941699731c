"""Prepares a checkout, so that `python -m runtime -m MODEL` runs our code unfrozen.

Builds the engine, fetches the model that tests and examples use, and writes a path file into
the virtual environment, by which Python finds the engine's `llama_cpp`.
"""

import sysconfig
from pathlib import Path

from bundler import models
from bundler.analysis import builder_target
from bundler.console import Console
from bundler.engine import engine
from bundler.store import staging_file
from runtime.errors import LmfileError

PATH_FILE = "lmfile-engine.pth"


def main() -> int:
    """Prepare the checkout; return the exit code."""
    console = Console()
    try:
        folder = engine(builder_target(), console.progress)
        model = models.stored(models.KNOWN["smollm2"], console.progress)
    except LmfileError as error:
        console.error(str(error))
        return error.exit_code
    path_file = Path(sysconfig.get_path("purelib")) / PATH_FILE
    with staging_file(path_file) as part:
        part.write_text(f"{folder}\n", encoding="utf-8")
    console.step(f"ready: engine {folder.name[:12]}, model {model}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
