"""What a worker process does to itself before it loads native code.

It ends with the front that started it, leaves no core file with somebody's prompt in it,
and is the first that the kernel takes when memory runs out.
"""

import ctypes
import sys

PR_SET_PDEATHSIG = 1
SIGKILL = 9
OOM_SCORE_ADJ = 500


def settle() -> None:
    """Apply all of it, as far as this system can."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
        _take_me_first()


def _take_me_first() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write(str(OOM_SCORE_ADJ))
    except OSError:
        return  # /proc may be hidden or read-only; the score is a courtesy
