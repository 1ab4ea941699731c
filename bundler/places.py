"""Plans an executable before its first byte: which member stands where, and which go into the sidecar.

Sizes are known, so every offset follows. Weights lie at multiples of 64 KiB, zeros in front of
them: the extra field that other tools pad with has 16 bits for its size and for the alignment,
and needs 17 here. Nothing depends on the clock, the host or the order of arguments.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from bundler.contents import Contents, Part
from runtime.errors import BuildFailed
from runtime.payload import sidecar
from runtime.payload.manifest import MANIFEST_NAME, MAX_MEMBERS, SIGNATURE_NAME, is_safe
from runtime.payload.records import FILE_MODE, Entry

ROLE_ORDER = {
    "license": 0,
    "sbom": 1,
    "icon": 2,
    "app": 3,
    "model": 4,
    "mmproj": 5,
    "adapter": 6,
    "state": 7,
    "runtime": 8,
}
SPARE_BYTES = 1 << 20  # manifest and directory, whose sizes are not known beforehand
WINDOWS_BYTES = (4 << 30) - (64 << 20)
"""What an executable for Windows may reach: it starts none of 4 GiB; the rest is for signing tools."""


class Inside(NamedTuple):
    """A part of the executable; `entry` lacks its crc32."""

    part: Part
    entry: Entry


class Aside(NamedTuple):
    """A part of the sidecar, and where its data begins there."""

    part: Part
    offset: int


class Plan(NamedTuple):
    """Where everything goes. end: where the manifest's header begins; aside_end: the size of the sidecar, or 0."""

    inside: Sequence[Inside]
    aside: Sequence[Aside]
    end: int
    aside_end: int


def plan(contents: Contents, launcher_bytes: int) -> Plan:
    """Give every part its place. Raises: BuildFailed for names that cannot be, or what Windows would not start."""
    paths = [*(part.path for part in contents.parts), MANIFEST_NAME, SIGNATURE_NAME]
    if len(set(paths)) != len(paths) or len(paths) > MAX_MEMBERS or not all(map(is_safe, paths)):
        raise BuildFailed(f"`{contents.name}`", "its members' names are not safe, unique and few enough")
    parts = _in_order(contents)
    if contents.sidecar:
        found = _split(contents, parts, launcher_bytes)
    else:
        found = _one_file(contents, parts, launcher_bytes)
        if contents.sidecar is None and _is_too_large(contents, found.end):
            found = _split(contents, parts, launcher_bytes)
    if _is_too_large(contents, found.end):
        size = f"{found.end / 1e6:,.0f} MB"
        raise BuildFailed(f"`{contents.name}`", f"Windows starts no program of 4 GB, and this one would have {size}")
    return found


def entry(path: str, size: int, offset: int, seconds: int) -> Entry:
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


def _in_order(contents: Contents) -> list[Part]:
    """Small members first, then models as the manifest lists them, other weights, the runtime last; or by name.

    Behind the launcher the kernel reads ahead whatever comes next, up to 16 MB: that should be
    the beginning of the first model, which is needed at every start, and not that of another.
    """
    models = [model.path for model in contents.models]

    def place(part: Part) -> tuple[int, int, str]:
        rank = models.index(part.path) if part.path in models else len(models)
        return ROLE_ORDER.get(part.role, ROLE_ORDER["model"]), rank, part.path

    return sorted(contents.parts, key=place)


def _one_file(contents: Contents, parts: Sequence[Part], launcher_bytes: int) -> Plan:
    position, inside = launcher_bytes, []
    for part in parts:
        planned = entry(part.path, part.size, position, contents.created)
        if part.role in sidecar.ROLES:
            data = sidecar.place(planned.data_offset())
            planned = planned._replace(offset=data - len(planned.local()))
        inside.append(Inside(part, planned))
        position = planned.data_offset() + planned.size
    return Plan(inside, (), position, 0)


def _split(contents: Contents, parts: Sequence[Part], launcher_bytes: int) -> Plan:
    end, aside = sidecar.HEADER_BYTES, []
    for part in parts:
        if part.role in sidecar.ROLES:
            aside.append(Aside(part, sidecar.place(end)))
            end = aside[-1].offset + part.size
    found = _one_file(contents, [part for part in parts if part.role not in sidecar.ROLES], launcher_bytes)
    return found._replace(aside=aside, aside_end=end if aside else 0)


def _is_too_large(contents: Contents, end: int) -> bool:
    return contents.target.startswith("windows") and end + SPARE_BYTES > WINDOWS_BYTES
