"""The first start ever, when many do it at once and when it is killed at any moment (100 times by `make proofs`)."""

import threading
from contextlib import ExitStack
from pathlib import Path

from tests.caches import leftovers, runtimes
from tests.drivers import first_starts
from tests.questions import SEE, SEEN
from tests.running import POLL_S, started

STARTS = 64
KILLS = 30


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


def test_kills_at_any_moment_then_a_start_that_works(tiny: Path) -> None:
    result = first_starts.kill_repeatedly(tiny, KILLS)
    assert not result.wrong, result
