"""`lmfile verify`: holds every byte of an executable, and of its sidecar, against its hash, and all against a key."""

import json
from pathlib import Path

from bundler.console import Console
from bundler.executable import open_executable
from bundler.explain import keys, signing
from runtime.errors import PayloadDamaged, SignatureWrong
from runtime.payload import Finding


def verify(path: Path, as_json: bool, console: Console, key: str = "") -> int:
    """Print whether `path` is whole, and with `key` whose it is; return the exit code.

    key: a publisher's `.pub` file, or the line in it. Raises: UsageError if one of them cannot be read.
    """
    wanted = keys.public(key) if key else None
    signature: signing.Checked | None = None
    try:
        payload = open_executable(path)
        findings = payload.verify(console.progress)
        beside = payload.manifest.sidecar
        size = payload.size_bytes + (beside.size if beside else 0)
        signature = signing.checked(payload, wanted) if wanted else None
    except PayloadDamaged as error:
        findings, size = [Finding("file", 0, error.reason)], path.stat().st_size
    if as_json:
        table = {
            "path": str(path),
            "size": size,
            "whole": not findings,
            "findings": [row._asdict() for row in findings],
        }
        table |= {"signature": signature and signature._asdict()} if wanted else {}
        console.result(json.dumps(table, ensure_ascii=False))
    elif not findings:
        console.result(f"{path}: every byte is as it was packed ({size:,} bytes)")
    if not as_json:
        for part, offset, problem in findings:
            console.error(f"Checking `{path}`: {part} at byte {offset}: {problem}; download the file again.")
        if signature and signature.problem:
            console.error(str(SignatureWrong(path, signature.problem)))
        elif signature and not findings:
            console.result(f"signed with the key {signature.key}: {signature.comment}")
    if findings:
        return PayloadDamaged.exit_code
    return SignatureWrong.exit_code if signature and signature.problem else 0
