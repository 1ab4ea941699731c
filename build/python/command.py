"""Makes the interpreter behave like the command `python`, as far as tools at build time need it.

The host executable named `python` imports this as `__init__python` and calls `run`. Understood
are `-c CODE`, `-m MODULE` and `SCRIPT`, with arguments, after options that are passed over,
and PYTHONPATH, which the interpreter itself does not read.
"""

import os
import runpy
import sys
from pathlib import Path


def run(_main: str) -> None:
    """Run what the command line says."""
    arguments = sys.argv[1:]
    while arguments and arguments[0].startswith("-") and arguments[0] not in ("-c", "-m"):
        del arguments[0]
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), sys.modules["__main__"].__dict__)
    elif arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")
