"""`make bench`: runs every row, prints the table of ratios and writes dist/bench.json.

usage: python -m tests.bench [--quick] [ROW...]

`--quick` takes a third of the turns; ROWS has the names. LMFILE_UNDER_TEST names another executable.
"""

import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.contest import Contest, NotIdle
from tests.bench.row import Row
from tests.models import smollm2_gguf
from tests.streams import Unanswered

PROJECT = Path(__file__).resolve().parent.parent.parent
ROWS = {
    "start": "start:warm",
    "first": "start:first",
    "large": "start:among_others",
    "baked": "baked:first_token",
    "speed": "speed:smollm2",
    "qwen": "speed:qwen",
    "clients": "batching:clients",
    "busy": "batching:busy",
    "shared": "prefixes:shared",
    "follow-up": "prefixes:follow_up",
    "newcomer": "newcomer:rows",
    "schema": "structured:rows",
    "lookup": "speculation:rows",
    "adapters": "adapters:rows",
    "embeddings": "embeddings:rows",
    "memory": "memory:rows",
    "front": "front:throughput",
    "latency": "front:latency",
    "overhead": "file:overhead",
    "packing": "file:packing",
}
"""Each name's module and function; imported when it is its turn."""


def main(arguments: list[str]) -> int:
    quick = "--quick" in arguments
    names = [name for name in arguments if name != "--quick"] or list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        sys.exit(f"unknown row {unknown[0]}; there are {', '.join(ROWS)}")
    executable = Path(os.environ.get("LMFILE_UNDER_TEST", PROJECT / "dist/smollm2"))
    contest = Contest(executable, PROJECT / "dist/peers/llama-server", smollm2_gguf(), quick=quick)
    for needed, target in ((contest.executable, "demo"), (contest.llama_server, "peers")):
        if not needed.exists():
            sys.exit(f"{needed} is missing: run `make {target}` first")
    done, broken, began = list[Row](), list[str](), time.monotonic()
    print(f"{'row':<52}{'lmfile':>10}{'peer':>10}  {'unit':<9}{'ratio':>7}{'bar':>8}")
    for name in names:
        try:
            for row in _rows(name)(contest):
                done.append(row)
                print(row.line, flush=True)
        except (Unanswered, NotIdle, OSError) as error:
            broken.append(name)
            print(f"{name:<52}broken: {error}", flush=True)
    (PROJECT / "dist/bench.json").write_text(json.dumps(_report(done), indent=1) + "\n")
    missed = sum(not row.passed for row in done)
    print(f"{time.monotonic() - began:.0f} s; missed: {missed} of {len(done)}; broken: {len(broken)}")
    return 1 if broken else 0


def _rows(name: str) -> Callable[[Contest], list[Row]]:
    module, function = ROWS[name].split(":")
    rows: Callable[[Contest], list[Row]] = getattr(importlib.import_module(f"tests.bench.{module}"), function)
    return rows


def _report(done: list[Row]) -> dict[str, object]:
    table = [
        {
            "row": row.name,
            "unit": row.unit,
            "ratio": row.ratio,
            "bar": row.bar,
            "higher_is_better": row.higher,
            "passed": row.passed,
            "pairs": row.pairs,
            "peers": row.peers,
        }
        for row in done
    ]
    return {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(), "rows": table}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
