"""`make bench`: runs every row, prints the table of ratios and writes dist/bench.json.

usage: python -m tests.bench [ROW...]   rows: start first large speed overhead packing
"""

import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench import rows
from tests.bench.rows import Contest, Row
from tests.models import smollm2_gguf

PROJECT = Path(__file__).resolve().parent.parent.parent
ROWS: dict[str, Callable[[Contest], Row | list[Row]]] = {
    "start": rows.start_to_first_token,
    "first": rows.first_start_ever,
    "large": rows.among_others,
    "speed": rows.speed_and_memory,
    "overhead": rows.file_overhead,
    "packing": rows.packing,
}


def main(names: list[str]) -> int:
    contest = Contest(PROJECT / "dist/smollm2", PROJECT / "dist/peers/llama-server", smollm2_gguf())
    for needed, target in ((contest.executable, "demo"), (contest.llama_server, "peers")):
        if not needed.exists():
            sys.exit(f"{needed} is missing: run `make {target}` first")
    done: list[Row] = []
    print(f"{'row':<48}{'lmfile':>10}{'peer':>10}  {'unit':<9}{'ratio':>7}{'bar':>8}")
    for name in names or list(ROWS):
        result = ROWS[name](contest)
        for row in result if isinstance(result, list) else [result]:
            done.append(row)
            print(_line(row), flush=True)
    (PROJECT / "dist/bench.json").write_text(json.dumps(_report(done), indent=1) + "\n")
    return 0


def _line(row: Row) -> str:
    ours, theirs = row.medians
    sign = ">=" if row.higher else "<="
    mark = "" if row.passed else "  missed"
    return f"{row.name:<48}{ours:>10.3f}{theirs:>10.3f}  {row.unit:<9}{row.ratio:>7.2f}{sign:>4} {row.bar:.2f}{mark}"


def _report(done: list[Row]) -> dict[str, object]:
    table = [
        {"row": r.name, "unit": r.unit, "ratio": r.ratio, "bar": r.bar, "higher_is_better": r.higher, "pairs": r.pairs}
        for r in done
    ]
    return {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(), "rows": table}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
