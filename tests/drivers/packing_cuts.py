"""Power cuts while an executable is packed, or signed: kill -9 at random moments, over a file or a pair that was there.

Whatever the moment, the name leads to an executable that is whole, with all of its weights: the one
before, or the next. What was left behind is gone after the next run, which ends with the same bytes as ever.
"""

import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from bundler import container, fetch
from runtime.errors import LmfileError
from runtime.payload import Payload
from tests.gguf_writer import synthetic_gguf
from tests.packing import contents

MODEL_BYTES = 64 << 20
LIMIT_S = 120

WORK = """
import sys
from pathlib import Path
from tests.drivers.packing_cuts import work
print("begun", flush=True)
work(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
"""

KINDS = ("file", "pair", "signature")


@dataclass
class Result:
    """How often what was running when the power failed, and what was wrong then."""

    cuts: int = 0
    ended_before: int = 0
    wrong: list[str] = field(default_factory=list)


def work(folder: Path, output: Path, kind: str) -> None:
    """Do what is interrupted: pack the next model over `output`, or sign it."""
    if kind == "signature":
        container.signed(output, b"signature " * 20)
    else:
        pack(folder, output, folder / "next.gguf", kind == "pair")


def pack(folder: Path, output: Path, model: Path, sidecar: bool) -> None:
    """Write an executable around `model`."""
    container.write(output, replace(contents(folder, model), sidecar=sidecar), fetch.quiet)


def cut_repeatedly(folder: Path, n: int, model_bytes: int = MODEL_BYTES) -> Result:
    """Cut the power `n` times in `folder`, at moments spread over the whole of the work; seeded."""
    result, chance = Result(), random.Random(6)
    for name in ("before", "next"):
        synthetic_gguf(folder / f"{name}.gguf", model_bytes + 4096 * (name == "next"))
    for kind in KINDS:
        place = folder / kind
        place.mkdir()
        reference, seconds = _reference(folder, place, kind)
        for _ in range(-(-n // len(KINDS))):
            seconds = _cut(folder, place / "tiny", kind, chance.uniform(0, 1.1) * seconds, result) or seconds
        _finish(folder, place / "tiny", kind, reference, result)
    return result


def _reference(folder: Path, place: Path, kind: str) -> tuple[dict[str, bytes], float]:
    """What the work ends with, and how long it takes; then the older state is there again."""
    output = place / "tiny"
    pack(folder, output, folder / "before.gguf", kind == "pair")
    began = time.monotonic()
    _run(folder, output, kind, None)
    seconds = time.monotonic() - began
    reference = _files(place)
    pack(folder, output, folder / "before.gguf", kind == "pair")
    return reference, seconds


def _cut(folder: Path, output: Path, kind: str, after_s: float, result: Result) -> float | None:
    """Cut the power once; -> the seconds that the work took, if it had ended before: known digests save much."""
    began = time.monotonic()
    status = _run(folder, output, kind, after_s)
    took_s = time.monotonic() - began
    result.cuts += 1
    if problem := _problem(output):
        result.wrong.append(f"{kind} after {after_s:.3f} s: {problem}")
    if status:
        return None
    result.ended_before += 1
    pack(folder, output, folder / "before.gguf", kind == "pair")
    return min(took_s, after_s)


def _run(folder: Path, output: Path, kind: str, after_s: float | None) -> int:
    """Start the work and kill it `after_s` it has begun; -> its exit code."""
    command = [sys.executable, "-c", WORK, folder, output, kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        if process.stdout is None or process.stdout.readline() != b"begun\n":
            return 1
        try:
            return process.wait(LIMIT_S if after_s is None else after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return process.wait(LIMIT_S)


def _problem(output: Path) -> str:
    try:
        return "; ".join(map(str, Payload.open(output).verify(fetch.quiet)))
    except (LmfileError, OSError) as error:
        return str(error)


def _finish(folder: Path, output: Path, kind: str, reference: dict[str, bytes], result: Result) -> None:
    """The next run goes to its end, and leaves nothing but what it was to make."""
    if kind == "signature":
        pack(folder, output, folder / "before.gguf", sidecar=False)
    if code := _run(folder, output, kind, None):
        result.wrong.append(f"{kind}: the run behind the cuts ended with {code}")
    found = _files(output.parent)
    if found != reference:
        result.wrong.append(f"{kind}: in the end there are {sorted(found)}, the same or not")


def _files(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir()}
