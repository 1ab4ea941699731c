"""From the exec to the first token: warm, the first time ever, and from the disk among gigabytes."""

import tempfile
from pathlib import Path

from tests.bench.contest import Contest
from tests.bench.row import Row
from tests.bench.servers import Command, running
from tests.bench.texts import QUESTION
from tests.repacking import among_gigabytes, cold

TURNS = 7
COLD_TURNS = 3
"""Each reads gigabytes."""
BUDGET_S = 1.2


def warm(contest: Contest) -> list[Row]:
    """With a warm page cache, against llama-server."""
    row = Row("warm start to first token", "s", 1.8, higher=False)
    commands = (contest.ours(), contest.theirs())
    for command in commands:
        _first_token(command)
    for _ in contest.turns(TURNS):
        ours, theirs = (_first_token(command) for command in commands)
        row.pairs.append((ours, theirs))
    return [row]


def first(contest: Contest) -> list[Row]:
    """With an empty cache: the extraction of the runtime is included; the bar is absolute."""
    row = Row("first start ever to first token, against 1.2 s", "s", 1.0, higher=False)
    for _ in contest.turns(TURNS):
        with tempfile.TemporaryDirectory() as cache:
            row.pairs.append((_first_token(contest.ours("--cache-dir", cache)), BUDGET_S))
    return [row]


def among_others(contest: Contest) -> list[Row]:
    """From the disk: the model among 6 GB of other members, and the model alone."""
    row = Row("cold start among 6 GB, against alone", "s", 1.1, higher=False)
    with tempfile.TemporaryDirectory(dir=contest.executable.parent) as folder:
        large = among_gigabytes(contest.executable, Path(folder) / "large", Path(folder))
        for _ in contest.turns(COLD_TURNS):
            times = []
            for file in (large, contest.executable):
                cold(large, contest.executable)
                times.append(_first_token([file, *contest.ours()[1:]]))
            row.pairs.append((times[0], times[1]))
    return [row]


def _first_token(command: Command) -> float:
    with running("server", command) as server:
        return server.first_token(QUESTION)
