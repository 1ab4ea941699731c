"""Writes the container: launcher, members, manifest, central directory, footer, and the sidecar where there is one.

    [launcher | zip: licences, icon, app, models, adapters, runtime, manifest | central directory | end record + footer]

Every offset is known before the first byte is written (bundler/places.py), and each byte is
written once, in order.

The output gets its name when it is complete. It is not forced to the disk before, as `cp`
does not: that would wait for the device, and what a power cut leaves of a file is
found by `lmfile verify`, since every byte is under a hash.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bundler import copying, members, pair, places, room
from bundler.content import Content, pieces
from bundler.contents import Contents, Late, Part
from bundler.members import digests_of
from bundler.places import Plan
from bundler.signature import signed
from bundler.tail import Image, tail
from bundler.unfinished import unfinished
from runtime.errors import BuildFailed, CannotWrite, DiskFull
from runtime.payload import APP_PREFIX, RUNTIME_NAME, Manifest, Member, Sidecar, Span, sidecar
from runtime.payload.manifest import FORMAT
from runtime.payload.records import Entry

__all__ = ["Contents", "Late", "Part", "Progress", "Written", "created", "digests_of", "signed", "write"]

EXECUTABLE_MODE, WEIGHTS_MODE = 0o755, 0o644

_NO_SPAN = Span(0, 0, hashlib.sha256().hexdigest())

Progress = Callable[[str, int, int], None]
"""Called with (what, bytes done, bytes in all)."""


class Written(NamedTuple):
    """What was written. sidecar: the file of weights, if there is one; note: a sentence to tell about it, or empty."""

    size_bytes: int
    sidecar: Path | None = None
    sidecar_bytes: int = 0
    note: str = ""


def write(output: Path, contents: Contents, progress: Progress) -> Written:
    """Write the executable `output`, and where it needs one its sidecar beside it.

    Raises: DiskFull; CannotWrite; UsageError if somebody else's file has the sidecar's name; BuildFailed
    if an input changes meanwhile. On any error, and on an interrupt, nothing of it stays.
    """
    weights = output.with_name(sidecar.name_for(output))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        launcher = _bytes(contents.launcher)
        plan = places.plan(contents, len(launcher))
        room.check(output, contents, plan)
        with unfinished(output) as part, unfinished(weights) as part_aside:
            draft = _draft(contents, launcher)
            if plan.aside:
                pair.check(weights)
                aside = _write_aside(part_aside, plan, lambda done: progress(weights.name, done, plan.aside_end))
                beside = Sidecar(weights.name, plan.aside_end, sidecar.identity(aside))
                draft = draft._replace(members=tuple(aside), sidecar=beside)
            size = _write(part, plan, launcher, draft, contents.runtime_unpacked, partial(progress, output.name))
            if not plan.aside:
                part.replace(output)
                return Written(size)
            kept = pair.publish(part, output, part_aside, weights)
    except OSError as error:
        if error.errno in copying.NO_ROOM:
            raise DiskFull(output) from error
        raise CannotWrite(output, _happened(error)) from error
    return Written(size, weights, plan.aside_end, _note(output, weights, contents, kept))


def created() -> int:
    """SOURCE_DATE_EPOCH, or 0: what stands for the time of the build."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "0")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _bytes(content: Content) -> bytes:
    """All of a small content."""
    found = b""
    for piece in pieces(content):
        if isinstance(piece, bytes):
            found += piece
            continue
        with piece.path.open("rb") as file:
            file.seek(piece.offset)
            found += file.read(piece.size)
    return found


def _write_aside(part: Path, plan: Plan, advance: Callable[[int], None]) -> list[Member]:
    """Write the sidecar, its header last; -> its members."""
    found = []
    with open(part, "xb", buffering=0) as file:
        for wanted, offset in plan.aside:
            file.seek(offset)
            digests = members.put(file, _now(wanted, {}), copying.shifted(advance, offset))
            found.append(Member(wanted.path, wanted.role, offset, wanted.size, digests.sha256, True, digests.crc32))
        file.truncate(plan.aside_end)
        file.seek(0)
        members.write(file, sidecar.Header(plan.aside_end, sidecar.identity(found)).pack())
    part.chmod(WEIGHTS_MODE)
    return found


def _write(
    part: Path, plan: Plan, launcher: bytes, draft: Manifest, unpacked: int, progress: Callable[[int, int], None]
) -> int:
    """Write the executable, whose manifest lacks what lies inside; -> its size in bytes."""
    with open(part, "xb", buffering=0) as file:
        members.write(file, launcher)
        aside = {member.path: member.sha256 for member in draft.members}
        entries, inside = _write_members(file, plan, aside, lambda done: progress(done, plan.end))
        manifest = draft._replace(app=_app_span(part, entries), members=(*inside, *draft.members))
        runtime = next(member for member in inside if member.path == RUNTIME_NAME)
        image = Image(runtime.offset, runtime.size, unpacked, runtime.sha256)
        members.write(file, tail(manifest.encode(), entries, image, plan.end, draft.created))
        size = file.tell()
    part.chmod(EXECUTABLE_MODE)
    return size


def _write_members(
    file: BinaryIO, plan: Plan, aside: Mapping[str, str], advance: Callable[[int], None]
) -> tuple[list[Entry], list[Member]]:
    """Write all but the manifest, what is late last; `aside`: sha256 by path of what lies in the sidecar."""
    hashes, found = dict(aside), {}
    for part, planned in sorted(plan.inside, key=lambda one: isinstance(one.part.content, Late)):
        content = _now(part, hashes)
        start = planned.data_offset()
        file.seek(start)
        digests = members.put(file, content, copying.shifted(advance, start))
        found[part.path] = planned._replace(crc32=digests.crc32)
        hashes[part.path] = digests.sha256
        file.seek(planned.offset)
        members.write(file, found[part.path].local())
    file.seek(plan.end)
    entries = [found[part.path] for part, _ in plan.inside]
    return entries, [
        Member(part.path, part.role, planned.data_offset(), planned.size, hashes[part.path])
        for part, planned in plan.inside
    ]


def _now(part: Part, hashes: Mapping[str, str]) -> Content:
    """What the part holds, made where it is late. Raises: BuildFailed if that has not the size that was said."""
    if not isinstance(part.content, Late):
        return part.content
    data = part.content.make(hashes)
    if len(data) != part.size:
        raise BuildFailed("the executable", f"`{part.path}` has {len(data)} bytes, and was to have {part.size}")
    return data


def _draft(contents: Contents, launcher: bytes) -> Manifest:
    """The manifest but for what is known when the members are written."""
    return Manifest(
        format=FORMAT,
        lmfile=contents.version,
        name=contents.name,
        target=contents.target,
        created=contents.created,
        launcher=Span(0, len(launcher), hashlib.sha256(launcher).hexdigest()),
        app=_NO_SPAN,
        runtime=dict(contents.runtime),
        members=(),
        models=tuple(contents.models),
        adapters=tuple(contents.adapters),
        defaults=dict(contents.defaults),
        assistant=contents.assistant,
        version=contents.publisher_version,
        states=tuple(contents.states),
    )


def _app_span(path: Path, entries: list[Entry]) -> Span:
    """The app members from the first one's header to the last one's end, read back from the file."""
    app = [entry for entry in entries if entry.name.startswith(APP_PREFIX)]
    if not app:
        return _NO_SPAN
    start, end = app[0].offset, app[-1].data_offset() + app[-1].size
    with path.open("rb") as file:
        file.seek(start)
        return Span(start, end - start, hashlib.sha256(file.read(end - start)).hexdigest())


def _note(output: Path, weights: Path, contents: Contents, kept: Path | None) -> str:
    reason = "Windows starts no program of 4 GB, so the" if contents.sidecar is None else "The"
    note = f"{reason} weights are in `{weights.name}`; keep it in one folder with `{output.name}`."
    return note + (f" What had this name before is `{kept.name}` now." if kept else "")


def _happened(error: OSError) -> str:
    what = (error.strerror or str(error)).lower()
    return f"{what} (`{error.filename}`)" if error.filename else what
