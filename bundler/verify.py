"""`lmfile verify`: holds every byte of an executable, and of its sidecar, against its hash."""

import json
from pathlib import Path

from bundler.console import Console
from bundler.executable import open_executable
from runtime.errors import PayloadDamaged
from runtime.payload import Finding


def verify(path: Path, as_json: bool, console: Console) -> int:
    """Print whether `path` is whole and return the exit code. Raises: UsageError if it cannot be read."""
    try:
        payload = open_executable(path)
        findings = payload.verify(console.progress)
        beside = payload.manifest.sidecar
        size = payload.size_bytes + (beside.size if beside else 0)
    except PayloadDamaged as error:
        findings, size = [Finding("file", 0, error.reason)], path.stat().st_size
    if as_json:
        table = {
            "path": str(path),
            "size": size,
            "whole": not findings,
            "findings": [row._asdict() for row in findings],
        }
        console.result(json.dumps(table, ensure_ascii=False))
    elif not findings:
        console.result(f"{path}: every byte is as it was packed ({size:,} bytes)")
    if not as_json:
        for part, offset, problem in findings:
            console.error(f"Checking `{path}`: {part} at byte {offset}: {problem}; download the file again.")
    return PayloadDamaged.exit_code if findings else 0
