"""How to start this same program again, as a worker or as a probe."""

import os
import sys

EXECUTABLE_VARIABLE = "LMFILE_EXECUTABLE"
"""Set by the launcher to the path of the executable; absent in a checkout."""


def command() -> list[str]:
    """Return the command that starts it, to which arguments are added.

    Packed code is imported from inside the executable, and the interpreter runs it by
    itself; in a checkout the interpreter has to be told what to run.
    """
    executable = os.environ.get(EXECUTABLE_VARIABLE)
    packed = executable is not None and __file__.startswith(executable + os.sep)
    return [sys.executable] if packed else [sys.executable, "-m", "runtime"]
