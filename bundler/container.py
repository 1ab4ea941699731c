"""Writes the container: launcher, members, manifest, central directory, footer.

    [launcher | zip: licences, icon, app, models, adapters, runtime, manifest | central directory | end record + footer]

Sizes are known before the first byte is written, so every offset is computed first and each
byte is written once, in order. Models and adapters lie at multiples of 64 KiB, zeros in front
of them: the extra field that other tools pad with has 16 bits for its size and for the
alignment, and needs 17 here. Nothing depends on the clock, the host or the order of arguments.

The output gets its name when it is complete. It is not forced to the disk before, as `cp`
does not: that would wait for the device, and what a power cut leaves of a file is
found by `lmfile verify`, since every byte is under a hash.
"""

import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from bundler import copying, digests, store
from bundler.digests import Digests
from runtime.errors import BuildFailed, CannotWrite, DiskFull
from runtime.payload import (
    APP_PREFIX,
    FOOTER_BYTES,
    MANIFEST_NAME,
    RUNTIME_NAME,
    Adapter,
    Assistant,
    Footer,
    Manifest,
    Member,
    Model,
    Span,
)
from runtime.payload.manifest import FORMAT, MAX_MEMBERS, is_safe
from runtime.payload.records import END_MAGIC, Entry, end_records

ALIGNED_ROLES = frozenset({"model", "adapter"})
ALIGNMENT = 1 << 16
ROLE_ORDER = {"license": 0, "icon": 1, "app": 2, "model": 3, "adapter": 4, "runtime": 5}
FILE_MODE, EXECUTABLE_MODE = 0o644, 0o755
SPARE_BYTES = 1 << 20  # manifest and directory, whose sizes are not known beforehand

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Part:
    """One member to be: a small one as bytes, a large one as the path of its file."""

    path: str
    role: str
    content: bytes | Path

    @property
    def size(self) -> int:
        """In bytes, now."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


@dataclass(frozen=True)
class Contents:
    """What goes into one executable; `runtime` are the facts that the manifest tells about the image."""

    name: str
    target: str
    version: str
    launcher: Path
    parts: Sequence[Part]
    runtime: dict[str, Any]
    runtime_unpacked: int
    models: Sequence[Model]
    adapters: Sequence[Adapter] = ()
    assistant: Assistant = field(default_factory=Assistant)
    defaults: dict[str, Any] = field(default_factory=dict)
    created: int = 0


class _Place(NamedTuple):
    part: Part
    entry: Entry


def write(output: Path, contents: Contents, progress: Progress) -> int:
    """Write the executable `output` and return its size in bytes.

    Raises: DiskFull; CannotWrite; BuildFailed if an input changes meanwhile. On any error, and
    on an interrupt, nothing of it stays.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        places, end = _plan(contents)
        _check_room(output, end + SPARE_BYTES)
        with store.staging_file(output) as part:
            with open(part, "xb", buffering=0) as file:
                size = _write(file, part, contents, places, lambda done: progress(output.name, done, end))
            part.chmod(EXECUTABLE_MODE)
    except OSError as error:
        if error.errno in copying.NO_ROOM:
            raise DiskFull(output) from error
        raise CannotWrite(output, _happened(error)) from error
    return size


def created() -> int:
    """SOURCE_DATE_EPOCH, or 0: what stands for the time of the build."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "0")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _happened(error: OSError) -> str:
    what = (error.strerror or str(error)).lower()
    return f"{what} (`{error.filename}`)" if error.filename else what


def _plan(contents: Contents) -> tuple[list[_Place], int]:
    """Give every part its place; -> the places and where the manifest's header goes."""
    paths = [part.path for part in contents.parts]
    if len(set(paths)) != len(paths) or len(paths) > MAX_MEMBERS or not all(map(is_safe, paths)):
        raise BuildFailed(f"`{contents.name}`", "its members' names are not safe, unique and few enough")
    position = contents.launcher.stat().st_size
    places = []
    for part in _in_order(contents):
        entry = _entry(part.path, part.size, position, contents.created)
        if part.role in ALIGNED_ROLES:
            entry = entry._replace(offset=position + -entry.data_offset() % ALIGNMENT)
        places.append(_Place(part, entry))
        position = entry.data_offset() + entry.size
    return places, position


def _in_order(contents: Contents) -> list[Part]:
    """Small members first, then models as the manifest lists them, adapters, the runtime last; otherwise by name.

    Behind the launcher the kernel reads ahead whatever comes next, up to 16 MB: that should be
    the beginning of the first model, which is needed at every start, and not that of another.
    """
    models = [model.path for model in contents.models]

    def place(part: Part) -> tuple[int, int, str]:
        rank = models.index(part.path) if part.path in models else len(models)
        return ROLE_ORDER.get(part.role, ROLE_ORDER["model"]), rank, part.path

    return sorted(contents.parts, key=place)


def _entry(path: str, size: int, offset: int, seconds: int) -> Entry:
    """An entry without its crc32; a zip's time begins in 1980 and has two-second steps."""
    year, month, day, hour, minute, second = time.gmtime(min(max(seconds, 315_532_800), 4_354_819_198))[:6]
    return Entry(
        name=path,
        size=size,
        crc32=0,
        offset=offset,
        mode=FILE_MODE,
        time=hour << 11 | minute << 5 | second // 2,
        date=year - 1980 << 9 | month << 5 | day,
    )


def _check_room(output: Path, needed_bytes: int) -> None:
    if shutil.disk_usage(output.parent).free < needed_bytes:
        raise DiskFull(output, needed_bytes)


def _write(file: BinaryIO, path: Path, contents: Contents, places: list[_Place], advance: Callable[[int], None]) -> int:
    launcher = contents.launcher.read_bytes()
    _put(file, launcher)
    entries, members = [], []
    for part, planned in places:
        found = _put_part(file, part, planned, advance)
        entry = planned._replace(crc32=found.crc32)
        file.seek(entry.offset)
        _put(file, entry.local())
        file.seek(entry.data_offset() + entry.size)
        entries.append(entry)
        members.append(Member(part.path, part.role, entry.data_offset(), entry.size, found.sha256))
    manifest = Manifest(
        format=FORMAT,
        lmfile=contents.version,
        name=contents.name,
        target=contents.target,
        created=contents.created,
        launcher=Span(0, len(launcher), hashlib.sha256(launcher).hexdigest()),
        app=_app_span(path, entries),
        runtime=contents.runtime,
        members=tuple(members),
        models=tuple(contents.models),
        adapters=tuple(contents.adapters),
        defaults=contents.defaults,
        assistant=contents.assistant,
    )
    _put(file, _tail(manifest, entries, file.tell(), contents))
    return file.tell()


def _put_part(file: BinaryIO, part: Part, entry: Entry, advance: Callable[[int], None]) -> Digests:
    file.seek(entry.data_offset())
    if isinstance(part.content, bytes):
        _put(file, part.content)
        return Digests(hashlib.sha256(part.content).hexdigest(), zlib.crc32(part.content))
    before = part.content.stat()
    known = digests.known(part.content)
    try:
        found = copying.copy(part.content, 0, entry.size, file, known, lambda done: advance(entry.data_offset() + done))
    except EOFError as error:
        raise _changed(part.content) from error
    if digests.signature(part.content.stat()) != digests.signature(before) or before.st_size != entry.size:
        raise _changed(part.content)
    if not known:
        digests.remember(part.content, before, found)
    return found


def _changed(path: Path) -> BuildFailed:
    return BuildFailed("the executable", f"`{path}` was changed while it was copied; try again when it is complete")


def _put(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _app_span(path: Path, entries: list[Entry]) -> Span:
    """The app members from the first one's header to the last one's end, read back from the file."""
    app = [entry for entry in entries if entry.name.startswith(APP_PREFIX)]
    if not app:
        return Span(0, 0, hashlib.sha256().hexdigest())
    start, end = app[0].offset, app[-1].data_offset() + app[-1].size
    with path.open("rb") as file:
        file.seek(start)
        return Span(start, end - start, hashlib.sha256(file.read(end - start)).hexdigest())


def _tail(manifest: Manifest, entries: list[Entry], offset: int, contents: Contents) -> bytes:
    """The manifest's header, the manifest, the central directory, the end records and the footer.

    Readers look for the end record's magic from the file's end, so it must not occur in the
    footer behind it: a space after the JSON changes the footer's hash where it would.
    """
    text = manifest.encode()
    runtime = next(member for member in manifest.members if member.path == RUNTIME_NAME)
    while True:
        entry = _entry(MANIFEST_NAME, len(text), offset, contents.created)._replace(crc32=zlib.crc32(text))
        central = b"".join(each.central() for each in [*entries, entry])
        start = entry.data_offset()
        tail = text + central + end_records(len(entries) + 1, start + len(text), len(central), FOOTER_BYTES)
        footer = Footer(
            runtime_offset=runtime.offset,
            runtime_size=runtime.size,
            runtime_unpacked=contents.runtime_unpacked,
            runtime_sha256=bytes.fromhex(runtime.sha256),
            manifest_offset=start,
            manifest_size=len(text),
            tail_sha256=hashlib.sha256(tail).digest(),
        ).pack()
        if END_MAGIC not in footer or END_MAGIC in footer[:56]:
            return entry.local() + tail + footer
        text += b" "
