"""The watchdog: a hung step ends the process with a reason, and nothing else does."""

import os
import signal
import subprocess
import sys
import time

HUNG = """
import time
from runtime.engine.watchdog import Watchdog
watchdog = Watchdog(0.3)
watchdog.start()
for _ in range(5):
    watchdog.begin()
    time.sleep(0.1)
    watchdog.end()
time.sleep(0.6)
print("well", flush=True)
watchdog.begin()
time.sleep(30)
"""

STOPPED = """
import time
from runtime.engine.watchdog import Watchdog
watchdog = Watchdog(1.0)
watchdog.start()
watchdog.begin()
print("begun", flush=True)
time.sleep(0.1)
time.sleep(0.1)
watchdog.end()
print("ended", flush=True)
"""

OFF = """
import time
from runtime.engine.watchdog import Watchdog
watchdog = Watchdog(0)
watchdog.start()
watchdog.begin()
time.sleep(0.3)
"""


def test_a_hung_step_ends_the_process_and_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", HUNG], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.returncode) == ("well\n", -signal.SIGABRT)
    assert done.stderr.strip() == "a step did not end within 0.3 seconds"


def test_a_suspended_process_does_not_hang() -> None:
    with subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "begun\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(2.0)
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.readline() == "ended\n"
    assert process.returncode == 0


def test_zero_seconds_watch_nothing() -> None:
    assert subprocess.run([sys.executable, "-c", OFF], timeout=30, check=False).returncode == 0
