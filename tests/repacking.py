"""Packs the parts of a finished executable anew, with members added: what only a larger build would give."""

from collections.abc import Sequence
from pathlib import Path

from bundler import container, fetch
from bundler.container import Contents, Part
from runtime.payload import Payload


def repack(executable: Path, output: Path, extra: Sequence[Part], scratch: Path) -> Path:
    """Write `output`: all of `executable`, and `extra`. `scratch` is a directory for its parts."""
    payload = Payload.open(executable)
    manifest = payload.manifest
    launcher = scratch / "launcher"
    launcher.write_bytes(_span(executable, manifest.launcher.offset, manifest.launcher.size))
    parts = []
    for number, member in enumerate(manifest.members):
        file = scratch / str(number)
        file.write_bytes(_span(executable, member.offset, member.size))
        parts.append(Part(member.path, member.role, file))
    contents = Contents(
        name=manifest.name,
        target=manifest.target,
        version=manifest.lmfile,
        launcher=launcher,
        parts=[*parts, *extra],
        runtime=manifest.runtime,
        runtime_unpacked=payload.footer.runtime_unpacked,
        models=manifest.models,
        created=manifest.created,
    )
    container.write(output, contents, fetch.quiet)
    return output


def _span(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)
