"""The survey of this computer, and what it makes of drivers that fail."""

import os
import subprocess
import sys
import time

import pytest

from runtime import hardware
from runtime.engine.backends.fake import facts
from runtime.hardware import accelerators, cpu, libraries
from runtime.hardware.accelerators import Accelerator
from runtime.hardware.memory import Memory, memory, private_bytes
from runtime.hardware.probe import PROBE_FLAG
from runtime.hardware.survey import Report

REPORT = Report("A CPU", 4, Memory(16 << 30, 8 << 30), [
    Accelerator("CUDA", found=False, usable=False, why="no NVIDIA device"),
    Accelerator("Vulkan", found=True, usable=False, why="Vulkan 1.3 found, but this build has no Vulkan part"),
])  # fmt: skip


def test_the_line_says_what_is_used_and_why_nothing_else() -> None:
    line = REPORT.line(facts(n_ctx=4096))
    assert line == (
        "CPU (none), A CPU; 1 threads of 4 processors; context 4,096; memory 0.0 of 17.2 GB; "
        "CUDA: no NVIDIA device; Vulkan: Vulkan 1.3 found, but this build has no Vulkan part"
    )


def test_the_dictionary_holds_plain_values() -> None:
    told = REPORT.as_dict()
    assert told["cores"] == 4 and told["memory_available"] == 8 << 30
    assert told["accelerators"] == [
        {"name": "CUDA", "found": False, "usable": False, "why": "no NVIDIA device"},
        {
            "name": "Vulkan",
            "found": True,
            "usable": False,
            "why": "Vulkan 1.3 found, but this build has no Vulkan part",
        },
    ]


def test_this_computer() -> None:
    report = hardware.report()
    assert report.cpu
    assert 1 <= report.cores == len(os.sched_getaffinity(0))
    assert 0 < report.memory.available <= report.memory.total
    assert [accelerator.name for accelerator in report.accelerators] == ["CUDA", "Vulkan"]
    assert 1 <= cpu.threads() <= report.cores
    assert 0 < private_bytes() < report.memory.total


def test_threads_follow_the_affinity() -> None:
    only_one = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from runtime.hardware import cpu; "
    code = only_one + "raise SystemExit(10 * cpu.usable() + cpu.threads())"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 11


@pytest.mark.parametrize(
    ("text", "numbers"), [("", set()), ("0-3,8", {0, 1, 2, 3, 8}), ("5\n", {5}), ("x", set()), ("2-2", {2})]
)
def test_lists_of_the_kernel(text: str, numbers: set[int]) -> None:
    assert cpu._numbers(text) == numbers


def test_memory_is_less_under_a_limit_of_the_address_space() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); "
        "from runtime.hardware.memory import memory; raise SystemExit(not 0 < memory().available < 1 << 30)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
    assert memory().available > 1 << 30


def test_the_engine_has_the_processor_and_nothing_else_here() -> None:
    assert libraries.directory().endswith(os.path.join("llama_cpp", "lib"))  # noqa: PTH118
    assert not libraries.has_backend("vulkan")


def probe(name: str) -> tuple[int, str]:
    out = subprocess.run(
        [sys.executable, "-m", "runtime", PROBE_FLAG, name], capture_output=True, text=True, timeout=60, check=False
    )
    assert out.stderr == ""
    return out.returncode, out.stdout


@pytest.mark.parametrize("name", ["cuda", "vulkan", "metal"])
def test_a_probe_answers_in_one_line_and_never_fails(name: str) -> None:
    status, said = probe(name)
    assert status in (0, 1)
    assert said and "\n" not in said


def test_a_probe_of_something_else() -> None:
    assert probe("abacus") == (2, "")


def judged(code: str, monkeypatch: pytest.MonkeyPatch) -> Accelerator:
    """What is made of a probe that runs `code`."""
    monkeypatch.setattr("runtime.program.command", lambda: [sys.executable, "-c", code])
    monkeypatch.setattr(accelerators, "DEVICE_NODES", {"cuda": ("/dev/null",), "vulkan": ("/nowhere",)})
    monkeypatch.setattr(accelerators, "TIMEOUT_S", 2.0)
    return accelerators.survey()[0]


def test_a_driver_that_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged("import os; os.kill(os.getpid(), 11)", monkeypatch)
    assert (found.found, found.why) == (False, "the driver ended its process (status -11)")


def test_a_driver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    found = judged("import time; time.sleep(60)", monkeypatch)
    assert (found.found, found.why) == (False, "the driver did not answer within 2 s")
    assert time.monotonic() - started < 20


def test_a_driver_without_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged("print('the driver has no device', end=''); raise SystemExit(1)", monkeypatch)
    assert (found.found, found.usable, found.why) == (False, False, "the driver has no device")


def test_a_device_that_this_build_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged("print('GPU X', end='')", monkeypatch)
    assert found == Accelerator("CUDA", found=True, usable=False, why="GPU X found, but this build has no CUDA part")


def test_no_process_is_spent_where_there_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators, "DEVICE_NODES", {"cuda": ("/nowhere",), "vulkan": ("/nowhere",)})
    monkeypatch.setattr("subprocess.Popen", None)
    assert [accelerator.why for accelerator in accelerators.survey()] == ["no NVIDIA device", "no graphics device"]
