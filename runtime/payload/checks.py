"""Whether a manifest can be true: what its records say together, held against the file's end."""

from collections.abc import Iterable

from runtime.payload import sidecar
from runtime.payload.assistant import MAX_ICON_BYTES
from runtime.payload.manifest import APP_PREFIX, MANIFEST_NAME, SIGNATURE_NAME, Manifest, Member

MAX_SIDECAR_BYTES = 1 << 50


def check(manifest: Manifest, end: int) -> None:
    """Raise a ValueError for the first thing that cannot be; `end` is where the manifest begins in the file."""
    inside = [member for member in manifest.members if not member.aside]
    _check_order(inside, manifest.launcher.size, end)
    _check_aside(manifest)
    paths = {member.path for member in manifest.members}
    if len({*paths, MANIFEST_NAME, SIGNATURE_NAME}) != len(manifest.members) + 2:
        raise ValueError("its manifest names a member twice")
    _check_app(manifest, end)
    icon = next((member for member in inside if member.path == manifest.assistant.icon), None)
    if icon and icon.size > MAX_ICON_BYTES:
        raise ValueError(f"its manifest has an icon of {icon.size} bytes, more than {MAX_ICON_BYTES}")
    for path in _named(manifest):
        if path not in paths:
            raise ValueError(f"its manifest names `{path}`, which is no member")


def _check_order(members: Iterable[Member], start: int, end: int) -> None:
    """Members in the file's order, without overlap."""
    for member in members:
        if member.offset < start or member.offset + member.size > end:
            raise ValueError(f"its manifest puts `{member.path}` where it cannot be")
        start = member.offset + member.size


def _check_aside(manifest: Manifest) -> None:
    """The sidecar's members are weights, lie one behind the other at whole blocks, and are those of its identity."""
    aside = [member for member in manifest.members if member.aside]
    beside = manifest.sidecar
    if beside is None:
        if aside:
            raise ValueError(f"its manifest puts `{aside[0].path}` into a sidecar, and names none")
        return
    end = sidecar.HEADER_BYTES
    for member in aside:
        if member.role not in sidecar.ROLES or member.offset != sidecar.place(end):
            raise ValueError(f"its manifest puts `{member.path}` where it cannot be")
        end = member.offset + member.size
    if not aside or end != beside.size or end > MAX_SIDECAR_BYTES:
        raise ValueError(f"its manifest has a sidecar of {beside.size} bytes, which cannot be")
    if beside.identity != sidecar.identity(aside):
        raise ValueError("its manifest has a sidecar that is not that of its members")


def _check_app(manifest: Manifest, end: int) -> None:
    app = [member for member in manifest.members if member.path.startswith(APP_PREFIX)]
    start, stop = manifest.app.offset, manifest.app.offset + manifest.app.size
    if stop > end or any(member.aside or not start <= member.offset <= stop - member.size for member in app):
        raise ValueError("its manifest has an app span that is not that of the app members")


def _named(manifest: Manifest) -> Iterable[str]:
    """The paths of members that other records name."""
    yield from (model.path for model in manifest.models)
    yield from (adapter.path for adapter in manifest.adapters)
    for state in manifest.states:
        yield from (state.path, state.model)
    if manifest.assistant.icon:
        yield manifest.assistant.icon
