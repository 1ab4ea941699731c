"""The first start ever, when many do it at once and when it is killed at any moment."""

import random
import shutil
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from tests.caches import content, leftovers, runtimes
from tests.questions import SEE, SEEN
from tests.running import POLL_S, eventually, run, started

STARTS = 64
KILLS = 100
KILLED_DURING_EXTRACTION = 20
"""Of the hundred, at least so many must hit it, or the test does not test it; some 60 do."""


class Stages:
    """Watches a cache for the directories in which an extraction works."""

    def __init__(self, cache: Path) -> None:
        self.seen: set[str] = set()
        self._cache = cache
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Stages":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _watch(self) -> None:
        while not self._stop.wait(POLL_S):
            self.seen.update(leftovers(self._cache))


def test_64_at_once_extract_once_and_all_work(tiny: Path, tmp_path: Path) -> None:
    env = {"LMFILE_CACHE": str(tmp_path)}
    with Stages(tmp_path) as stages, ExitStack() as stack:
        programs = [stack.enter_context(started([tiny, *SEE], env=env)) for _ in range(STARTS)]
        done = [program.wait(120) for program in programs]
    assert {(one.status, one.out) for one in done} == {(0, SEEN)}
    assert not any("Traceback" in one.err or "error" in one.err for one in done)
    assert len(stages.seen) == 1, f"extracted more than once: {stages.seen}"
    assert len(runtimes(tmp_path)) == 1
    assert leftovers(tmp_path) == []


def test_100_kills_at_any_moment_then_a_start_that_works(tiny: Path, cache: Path, tmp_path: Path) -> None:
    """Every second kill comes at any moment of the start, the others at any moment of the extraction."""
    env = {"LMFILE_CACHE": str(tmp_path)}
    [whole] = runtimes(cache)
    expected = content(whole)
    longest_s = run([tiny, "--version"], env=env).seconds
    moments = random.Random(64)
    hits = 0
    for turn in range(KILLS):
        for runtime in runtimes(tmp_path):
            shutil.rmtree(runtime)
        before = leftovers(tmp_path)
        with started([tiny, "--version"], env=env) as program:
            if turn % 2:
                eventually(lambda before=before: leftovers(tmp_path) != before or runtimes(tmp_path))
            time.sleep(moments.uniform(0, longest_s))
            program.end()
        hits += bool(leftovers(tmp_path))
        # What has its name is complete, at whatever moment the kill came.
        assert all(content(runtime) == expected for runtime in runtimes(tmp_path))
    assert hits >= KILLED_DURING_EXTRACTION, "the kills came too early or too late to tell anything"

    done = run([tiny, *SEE], env=env)
    assert (done.status, done.out) == (0, SEEN)
    assert [content(runtime) for runtime in runtimes(tmp_path)] == [expected]
    assert leftovers(tmp_path) == []
