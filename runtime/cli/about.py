"""What the file says about itself: --help, --version, --licenses, --manifest, --verify."""

import sys
from pathlib import Path

from runtime.cli.flags import Options
from runtime.cli.help import help_page
from runtime.console import Console
from runtime.errors import UsageError
from runtime.payload import Payload
from runtime.version import VERSION

EXIT_DAMAGED = 30


def wanted(options: Options) -> bool:
    """Whether the command line asks for one of these pages."""
    return any((options.help, options.version, options.licenses, options.manifest, options.verify))


def show(options: Options, payload: Payload | None, console: Console) -> int:
    """Write the page to stdout; return the exit code. Raises: UsageError without a payload."""
    if options.help:
        console.answer(help_page(_program(payload), payload.manifest.name if payload else "lmfile") + "\n")
        return 0
    if options.version:
        console.answer(_version(payload) + "\n")
        return 0
    if payload is None:
        raise UsageError("Looking into the executable: this is a checkout, there is no executable; build one first.")
    if options.verify:
        return _verify(payload, console)
    console.answer(payload.manifest_text() if options.manifest else _licenses(payload))
    return 0


def _program(payload: Payload | None) -> str:
    return f"./{payload.path.name}" if payload else "python -m runtime"


def _version(payload: Payload | None) -> str:
    if payload is None:
        return f"lmfile {VERSION}, Python {sys.version.split()[0]}, unpacked"
    manifest = payload.manifest
    model = payload.model("chat")
    runtime = manifest.runtime
    return (
        f"{manifest.name}: lmfile {manifest.lmfile} for {manifest.target}\n"
        f"engine: llama.cpp {runtime.engine.get('llama_cpp', '?')}, Python {runtime.python}, glibc {runtime.glibc}\n"
        f"model: {model.name}, {model.architecture}, {model.file_type}, sha256 {payload.member(model.path).sha256}\n"
        f"manifest: sha256 {payload.manifest_sha256}"
    )


def _licenses(payload: Payload) -> str:
    texts = []
    for member in payload.manifest.members:
        if member.role == "license":
            text = payload.read(member).decode("utf-8", "replace")
            texts.append(f"{'=' * 78}\n{Path(member.path).name}\n{'=' * 78}\n\n{text.rstrip()}\n")
    return "\n".join(texts)


def _verify(payload: Payload, console: Console) -> int:
    findings = payload.verify(lambda done, total: console.status(f"checking {done / 1e6:,.0f} of {total / 1e6:,.0f} MB"))
    for finding in findings:
        console.error(f"Checking `{payload.path}`: {finding}; download the file again.")
    if findings:
        return EXIT_DAMAGED
    console.answer(f"{payload.path.name}: every byte is as it was packed ({payload.size / 1e6:,.1f} MB)\n")
    return 0
