"""What the file says about itself: --help, --help-all, --version, --licenses, --manifest, --sbom, --verify."""

import sys
from collections.abc import Mapping

from runtime.cli.flags import Options
from runtime.cli.help import help_page
from runtime.cli.source import main_model
from runtime.console import Console
from runtime.errors import UsageError
from runtime.payload import Payload
from runtime.version import VERSION

EXIT_DAMAGED = 30
MAX_SHOWN = 40


def wanted(options: Options) -> bool:
    """Whether the command line asks for one of these pages."""
    pages = (options.help, options.help_all, options.version, options.licenses, options.manifest, options.sbom)
    return any((*pages, options.verify))


def show(options: Options, payload: Payload | None, console: Console) -> int:
    """Write the page to stdout; return the exit code. Raises: UsageError without a payload."""
    if options.help or options.help_all:
        name = payload.manifest.name if payload else "lmfile"
        console.answer(help_page(_program(payload), name, everything=options.help_all, defaults=type(options)) + "\n")
        return 0
    if options.version:
        console.answer(_version(payload) + "\n")
        return 0
    if payload is None:
        raise UsageError("Looking into the executable: this is a checkout, there is no executable; build one first.")
    if options.verify:
        return _verify(payload, console)
    if options.manifest:
        console.answer(payload.manifest_bytes.decode())
    else:
        console.answer(_bill(payload) if options.sbom else _licences(payload))
    return 0


def _program(payload: Payload | None) -> str:
    return f"./{payload.path.name}" if payload else "python -m runtime"


def _version(payload: Payload | None) -> str:
    if payload is None:
        return f"lmfile {VERSION}, Python {sys.version.split()[0]}, unpacked"
    manifest = payload.manifest
    model, member = main_model(payload)
    runtime = manifest.runtime
    release = f" {manifest.version}" if manifest.version else ""
    return (
        f"{manifest.name}{release}: lmfile {manifest.lmfile} for {manifest.target}\n"
        f"engine: llama.cpp of llama-cpp-python {runtime['engine']['llama_cpp_python']}, Python {runtime['python']}\n"
        f"model: {model.name}, {model.architecture}, {model.file_type}, {member.size / 1e6:.1f} MB\n"
        f"weights: sha256 {member.sha256}\n"
        f"runtime: sha256 {runtime['sha256']}{_flags(manifest.defaults)}"
    )


def _flags(packed: Mapping[str, object]) -> str:
    """The publisher's, each cut to what a line holds; `--manifest` has them whole."""
    shown = [_plain(f"{name} {value}")[:MAX_SHOWN] for name, value in packed.items()]
    return f"\nflags: {', '.join(shown)}" if shown else ""


def _plain(text: str) -> str:
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def _licences(payload: Payload) -> str:
    from runtime.payload.licences import licences  # a start never needs it

    return licences(payload)


def _bill(payload: Payload) -> str:
    found = payload.by_role("sbom")
    if not found:
        raise UsageError("Looking into the executable: it has no bill of materials; `lmfile repack` makes one.")
    return payload.read(found[0]).decode("utf-8", "replace")


def _verify(payload: Payload, console: Console) -> int:
    findings = payload.verify(
        lambda part, done, total: console.status(f"checking {part}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")
    )
    for part, offset, problem in findings:
        console.error(f"Checking `{payload.path}`: {part} at byte {offset} {problem}; download the file again.")
    if findings:
        return EXIT_DAMAGED
    console.answer(f"{payload.path.name}: every byte is as it was packed ({payload.size_bytes / 1e6:,.1f} MB)\n")
    return 0
