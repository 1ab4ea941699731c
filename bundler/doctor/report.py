"""The report: every finding, for people or as JSON, and an error when nothing can be built for this computer."""

import json
from collections.abc import Sequence
from pathlib import Path

from bundler import analysis
from bundler.console import Console
from bundler.doctor import tools
from bundler.doctor.finding import Finding, Target
from runtime.errors import BuildFailed
from runtime.version import VERSION

MARKS = {"good": "ok", "missing": "MISSING", "note": "-"}


def run(output: Path, as_json: bool, online: bool, console: Console) -> None:
    """Look at everything and print it. Raises: BuildFailed when no executable can be built for this computer."""
    found = [*tools.findings()]
    lacks = next((f"{one.name}: {one.text}" for one in found if one.state == "missing"), "")
    there: list[Target] = []
    if not tools.absent():  # or nothing of the rest can be imported
        from bundler.doctor import computer, places
        from bundler.doctor.targets import targets

        there += targets(lacks)
        found += [target.finding for target in there]
        found += [*computer.findings(output), *places.findings(online=online)]
    here = analysis.builder_target()
    own = next((target for target in there if target.name == here), Target(here, "cannot", "there is no such target"))
    missing = [f"{one.name}: {one.text}" for one in found if one.state == "missing"]
    problem = missing[0] if missing else "" if own.can in ("cached", "makes") else own.why
    _print(found, there, not problem, as_json, console)
    if problem:
        raise BuildFailed(f"for {here}", problem)


def _print(found: Sequence[Finding], there: Sequence[Target], can: bool, as_json: bool, console: Console) -> None:
    if as_json:
        table = {
            "lmfile": VERSION,
            "computer": analysis.builder_target(),
            "can_build": can,
            "targets": [target._asdict() for target in there],
            "findings": [one._asdict() for one in found],
        }
        console.result(json.dumps(table, ensure_ascii=False, indent=1))
        return
    group = ""
    for one in found:
        if one.group != group:
            console.result(("\n" if group else "") + one.group)
            group = one.group
        console.result(f"  {MARKS[one.state]:<8}{one.name:<16}{one.text}")
    if can:
        console.result(f"\nThis computer can build for itself, {analysis.builder_target()}.")
