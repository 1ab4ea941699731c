"""Looks after a worker's process without blocking the loop: waits for its end, and ends one that is suspended."""

import asyncio
import time

from runtime.engine.launch import Worker

REAP_INTERVAL_S = 0.01
LOOK_INTERVAL_S = 0.5
LOOKS_STOPPED = 2
"""Suspended at two looks in a row, it will not come back: nobody who suspends it knows of its requests."""


async def ended(worker: Worker, timeout_s: float) -> bool:
    """Wait for the end of the process; False when `timeout_s` seconds have passed."""
    deadline = time.monotonic() + timeout_s
    while worker.poll() is None:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(REAP_INTERVAL_S)
    return True


async def kill_when_suspended(worker: Worker) -> None:
    """Look again and again whether somebody has suspended the process, as SIGSTOP does, until it has ended.

    Looks that this process itself has slept through do not count: both were suspended, and both go on.
    """
    n_stopped = 0
    while worker.poll() is None:
        before = time.monotonic()
        await asyncio.sleep(LOOK_INTERVAL_S)
        slept_through = time.monotonic() - before > 2 * LOOK_INTERVAL_S
        n_stopped = n_stopped + 1 if worker.is_stopped and not slept_through else 0
        if n_stopped == LOOKS_STOPPED:
            worker.kill("it was suspended by a signal")
