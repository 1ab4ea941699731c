"""The long forms of what tests/e2e/test_engine.py checks: `python -m tests.drivers EXECUTABLE [NAME...]`.

Names: see DRIVERS. Each starts servers of its own and prints one line; the exit code says whether all of it held.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.servers import running
from tests.bench.texts import QUESTION
from tests.drivers import (
    agreement,
    bad_inputs,
    conversion,
    deaths,
    disconnects,
    documented,
    downloads,
    first_starts,
    hostile,
    images,
    mutants,
    mutated_files,
    packing_cuts,
    page,
    power_cuts,
    schemas,
    shapes,
)
from tests.models import smollm2_gguf
from tests.prompts import PROMPTS
from tests.serving import Server, serving

LLAMA_SERVER = Path(__file__).resolve().parent.parent.parent / "dist/peers/llama-server"
KILLS, LEAVERS, SCHEMAS = 100, 500, 300
KILLED_DOWNLOADS = 50
STOPS = 25
HOSTILE_OF_EACH, HOSTILE_READERS, HONEST_TURNS = 200, 50, 200
MUTANTS = 10_000
CUTS = 50
CASES, EXAMPLES = 10_000, 3
N_CTX = 1024
SMALL = ("-c", "128", "-n", "4")
"""Whatever is asked, the answer is short."""
PROMPTS_PER_MEMORY = 50

Outcome = tuple[object, bool]


def main(arguments: list[str]) -> int:
    executable, names = Path(arguments[0]).resolve(), arguments[1:] or list(DRIVERS)
    if unknown := set(names) - set(DRIVERS):
        sys.exit(f"unknown driver {', '.join(sorted(unknown))}; there are {', '.join(DRIVERS)}")
    failed = 0
    for name in names:
        result, passed = DRIVERS[name](executable)
        failed += not passed
        print(f"{name}: {'held' if passed else 'FAILED'}: {result}", flush=True)
    return 1 if failed else 0


@contextmanager
def _server(executable: Path, *flags: str) -> Iterator[Server]:
    with (
        tempfile.TemporaryDirectory() as cache,
        serving(executable, "-t", "1", *flags, env={"LMFILE_CACHE": cache, "PATH": os.defpath}) as server,
    ):
        yield server


def _agreement(executable: Path) -> Outcome:
    """Both begin with an empty memory for each part of the prompts.

    Attention adds F16 numbers in the order of the cells. In a memory that has been full once, a shared beginning
    may lie behind what follows it; then log-probabilities differ by up to 0.2, in either program.
    """
    result = agreement.Agreement()
    for begin in range(0, len(PROMPTS), PROMPTS_PER_MEMORY):
        peer = running("llama-server", agreement.peer(LLAMA_SERVER, smollm2_gguf()))
        with _server(executable) as ours, peer as theirs:
            theirs.first_token(QUESTION)
            agreement.compare(ours.port, theirs.port, PROMPTS[begin : begin + PROMPTS_PER_MEMORY], result)
    return result, result.passed


def _shapes(executable: Path) -> Outcome:
    with (
        tempfile.TemporaryDirectory() as folder,
        _server(executable, "-np", str(shapes.BATCH), "--slot-save-path", folder) as server,
    ):
        first = shapes.first_answer(server.port)
        result = shapes.compare(server.port)
    with _server(executable, "-np", str(shapes.BATCH)) as server:
        if shapes.first_answer(server.port) != first:
            result.wrong.append("the first answers of two servers differ in their bits")
    return result, not result.wrong


def _deaths(executable: Path) -> Outcome:
    with _server(executable, *deaths.FLAGS) as server:
        result = deaths.kill_repeatedly(server, KILLS)
    return result, not result.wrong and result.recovered == KILLS


def _starts(executable: Path) -> Outcome:
    results = [
        first_starts.kill_repeatedly(executable, KILLS),
        *(first_starts.stop_repeatedly(executable, number, STOPS) for number in (signal.SIGINT, signal.SIGTERM)),
    ]
    return results, not any(result.wrong for result in results)


def _disconnects(executable: Path) -> Outcome:
    with _server(executable) as server:
        result = disconnects.disconnect_repeatedly(server, LEAVERS)
    return result, not result.wrong


def _schemas(executable: Path) -> Outcome:
    with _server(executable, "-np", str(schemas.AT_ONCE)) as server:
        result = schemas.ask_with_schemas(server.port, SCHEMAS)
    return result, not result.wrong


def _inputs(executable: Path) -> Outcome:
    with _server(executable, "-c", str(N_CTX)) as server:
        result = bad_inputs.send_all(server, N_CTX)
        result.wrong += bad_inputs.long_prompts(server, N_CTX)
    return result, not result.wrong


def _documented(executable: Path) -> Outcome:
    with tempfile.TemporaryDirectory() as folder, _server(executable, *SMALL, "--slot-save-path", folder) as server:
        result = documented.ask_everything(server, EXAMPLES, every_border=True)
    return result, not result.wrong and result.sent >= CASES


def _hostile(executable: Path) -> Outcome:
    with _server(executable) as server:
        result = hostile.besiege(server, HONEST_TURNS, HOSTILE_OF_EACH, HOSTILE_READERS, to_the_end=True)
    return result, not result.wrong and result.ratio <= hostile.MAX_RATIO


def _mutants(executable: Path) -> Outcome:
    with _server(executable, *mutants.FLAGS) as server:
        result = mutants.send_all(server, MUTANTS)
    return result, not result.wrong


def _files(_executable: Path) -> Outcome:
    results = mutated_files.all_kinds()
    held = not any(result.wrong for result in results.values())
    return "; ".join(f"{kind}: {result}" for kind, result in results.items()), held


def _page(_executable: Path) -> Outcome:
    result = page.measure()
    return result, not result.wrong


def _downloads(_executable: Path) -> Outcome:
    result = downloads.kill_repeatedly(KILLED_DOWNLOADS)
    return result, not result.wrong and result.continued > 0


def _cuts(_executable: Path) -> Outcome:
    found = power_cuts.every_stage(CUTS)
    with tempfile.TemporaryDirectory() as folder:
        packed = packing_cuts.cut_repeatedly(Path(folder), CUTS)
    told = "; ".join(f"{stage}: {cuts}" for stage, cuts in found.items())
    return f"{told}; {packed}", not packed.wrong and not any(cuts.wrong for cuts in found.values())


def _types(_executable: Path) -> Outcome:
    result = conversion.compare(LLAMA_SERVER.with_name("llama-quantize"))
    return result, not result.wrong


def _images(_executable: Path) -> Outcome:
    result = images.compare()
    return result, len(result.files) > 1 and not result.wrong


DRIVERS: dict[str, Callable[[Path], Outcome]] = {
    "agreement": _agreement,
    "shapes": _shapes,
    "deaths": _deaths,
    "starts": _starts,
    "disconnects": _disconnects,
    "schemas": _schemas,
    "inputs": _inputs,
    "hostile": _hostile,
    "mutants": _mutants,
    "files": _files,
    "documented": _documented,
    "page": _page,
    "downloads": _downloads,
    "cuts": _cuts,
    "types": _types,
    "images": _images,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
