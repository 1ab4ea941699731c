"""First starts that end at random moments: killed, so that the next one tidies up, or stopped, and nothing is left."""

import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.caches import content, leftovers, runtimes
from tests.running import Running, eventually, run, started

SEED = 64
PROMPTLY_S = 5.0
GONE_S = 2.0


@dataclass
class Starts:
    """How many starts ended early, how many of them during the extraction, and what must not be."""

    ended: int = 0
    extracting: int = 0
    wrong: list[str] = field(default_factory=list)


def kill_repeatedly(executable: Path, kills: int) -> Starts:
    """Every second kill comes at any moment of the start, the others at any moment of the extraction."""
    result = Starts()
    _end_repeatedly(executable, kills, SEED, Running.end, result)
    if result.extracting < kills / 5:  # some three of five do
        result.wrong.append("the kills came too early or too late to tell anything")
    return result


def stop_repeatedly(executable: Path, number: signal.Signals, stops: int) -> Starts:
    """End starts by the signal `number`: in time, in silence, and without part of a runtime left."""

    def stop(program: Running) -> None:
        with suppress(ProcessLookupError):  # it may just have ended by itself
            program.send(number)
        done = program.wait(PROMPTLY_S)
        if done.status not in (0, 128 + number) or "Traceback" in done.err or "error" in done.err:
            result.wrong.append(str(done))
        if not eventually(lambda: not program.family(), GONE_S):
            result.wrong.append(f"left behind: {program.family()}")

    result = Starts()
    _end_repeatedly(executable, stops, int(number), stop, result)
    if result.extracting:
        result.wrong.append(f"{result.extracting} of {stops} left parts of a runtime")
    return result


def _end_repeatedly(executable: Path, times: int, seed: int, end: Callable[[Running], None], result: Starts) -> None:
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        cache, env = Path(folder), {"LMFILE_CACHE": folder}
        longest_s = run([executable, "--version"], env=env).seconds
        [whole] = runtimes(cache)
        expected = content(whole)
        for turn in range(times):
            for runtime in runtimes(cache):
                shutil.rmtree(runtime)
            before = leftovers(cache)
            with started([executable, "--version"], env=env) as program:
                if turn % 2:
                    eventually(lambda before=before: leftovers(cache) != before or runtimes(cache))
                time.sleep(moments.uniform(0, longest_s))
                end(program)
            result.ended += 1
            result.extracting += bool(leftovers(cache))
            # What has its name is complete, at whatever moment the end came.
            if any(content(runtime) != expected for runtime in runtimes(cache)):
                result.wrong.append(f"turn {turn}: a runtime is not complete")
        done = run([executable, "--version"], env=env)
        if done.status or [content(one) for one in runtimes(cache)] != [expected] or leftovers(cache):
            result.wrong.append(f"the next start does not make all good: {done}, {leftovers(cache)}")
