"""`lmfile extract`: takes members out of an executable, each checked and written at once or not at all."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from bundler import copying
from bundler.console import Console
from bundler.executable import open_executable
from bundler.unfinished import unfinished
from runtime.errors import CannotWrite, DiskFull, PayloadDamaged, UsageError
from runtime.payload import MANIFEST_NAME, Member, Payload
from runtime.payload.manifest import SIGNATURE_NAME


def extract(path: Path, names: Sequence[str], directory: Path, force: bool, console: Console) -> None:
    """Write the members called `names`, or in folders of these names, into `directory`; without names, all of them.

    Raises: UsageError for an unknown name or a file that exists; PayloadDamaged if a member's
    bytes are not the packed ones; SidecarMissing; CannotWrite, DiskFull.
    """
    payload = open_executable(path)
    sources = _sources(payload)
    chosen = _chosen(sources, names)
    targets = [_target(directory, name, force) for name in chosen]
    for name, target in zip(chosen, targets, strict=True):
        content = sources[name]
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(payload, content, target, console)
        except OSError as error:
            if error.errno in copying.NO_ROOM:
                raise DiskFull(target, len(content) if isinstance(content, bytes) else content.size) from error
            raise CannotWrite(target, error.strerror or str(error)) from error
        console.result(str(target))


def _sources(payload: Payload) -> dict[str, Member | bytes]:
    """What there is by name: the manifest's members, itself, and its signature."""
    sources: dict[str, Member | bytes] = {member.path: member for member in payload.manifest.members}
    sources[MANIFEST_NAME] = payload.manifest_bytes
    signature = payload.signature
    return sources | ({SIGNATURE_NAME: signature} if signature else {})


def _chosen(sources: Mapping[str, object], names: Sequence[str]) -> list[str]:
    for name in names:
        if not any(_is_under(path, name) for path in sources):
            near = difflib.get_close_matches(name, list(sources), n=1)
            hint = f"did you mean `{near[0]}`?" if near else "`lmfile inspect` lists them."
            raise UsageError(f"Extracting `{name}`: there is no such member; {hint}")
    return [path for path in sources if not names or any(_is_under(path, name) for name in names)]


def _is_under(path: str, name: str) -> bool:
    return path == name or path.startswith(name.rstrip("/") + "/")


def _target(directory: Path, name: str, force: bool) -> Path:
    """The manifest's reader lets only safe names through; what can still lead outside is a link in `directory`."""
    target = directory / name
    if not target.resolve().is_relative_to(directory.resolve()):
        raise UsageError(f"Extracting to `{target}`: a link leads out of `{directory}`; choose another -o.")
    if target.is_dir() or (target.exists() and not force):
        raise UsageError(f"Extracting to `{target}`: it exists; choose another -o, or --force to replace files.")
    return target


def _write(payload: Payload, content: Member | bytes, target: Path, console: Console) -> None:
    with unfinished(target) as part:
        if isinstance(content, bytes):
            part.write_bytes(content)
        else:
            _copy(payload, content, part, console)
        part.replace(target)


def _copy(payload: Payload, member: Member, part: Path, console: Console) -> None:
    source = payload.file_of(member)
    with open(part, "xb", buffering=0) as file:
        try:
            found = copying.copy(
                source, member.offset, member.size, file, None,
                lambda done: console.progress(member.path, done, member.size),
            )  # fmt: skip
        except EOFError as error:
            raise PayloadDamaged(source, f"it ends within `{member.path}`") from error
    if found.sha256 != member.sha256:
        raise PayloadDamaged(source, f"the bytes of `{member.path}` were changed")
