"""Packs the parts of a finished executable anew, with members added: what only a larger build would give."""

import os
from collections.abc import Sequence
from pathlib import Path

from bundler import container, fetch
from bundler.container import Contents, Part
from runtime.payload import Payload

OTHERS_BYTES = 6_000_000_000
NOISE_BYTES = 100_000_000


def among_gigabytes(executable: Path, output: Path, scratch: Path) -> Path:
    """Write `output`: all of `executable` and 6 GB of other members.

    200 MB of them, half by name in front of the model and half behind it, are really on the disk, so
    that whoever reads them is found out; the rest is a hole.
    """
    noise, hole = scratch / "noise", scratch / "hole"
    block = os.urandom(1_000_000)
    with noise.open("wb") as file:
        for _ in range(NOISE_BYTES // len(block)):
            file.write(block)
    with hole.open("wb") as file:
        file.truncate(OTHERS_BYTES - 2 * NOISE_BYTES)
    others = [
        Part("models/0.gguf", "model", noise),
        Part("models/z.gguf", "model", noise),
        Part("models/zz.gguf", "model", hole),
    ]
    return repack(executable, output, others, scratch)


def cold(*files: Path) -> None:
    """Take files out of the page cache; nobody may have them mapped."""
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


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
