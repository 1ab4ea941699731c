"""`lmfile extract`: takes members out of an executable, each checked and written at once or not at all."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from bundler import copying, store
from bundler.console import Console
from bundler.executable import open_executable
from runtime.errors import CannotWrite, DiskFull, PayloadDamaged, UsageError
from runtime.payload import Member, Payload


def extract(path: Path, names: Sequence[str], directory: Path, force: bool, console: Console) -> None:
    """Write the members called `names`, or in folders of these names, into `directory`; without names, all of them.

    Raises: UsageError for an unknown name or a file that exists; PayloadDamaged if a member's
    bytes are not the packed ones; CannotWrite, DiskFull.
    """
    payload = open_executable(path)
    chosen = _chosen(payload, names)
    targets = [_target(directory, member, force) for member in chosen]
    for member, target in zip(chosen, targets, strict=True):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(payload, member, target, console)
        except EOFError as error:
            raise PayloadDamaged(path, f"it ends within `{member.path}`") from error
        except OSError as error:
            if error.errno in copying.NO_ROOM:
                raise DiskFull(target, member.size) from error
            raise CannotWrite(target, error.strerror or str(error)) from error
        console.result(str(target))


def _chosen(payload: Payload, names: Sequence[str]) -> list[Member]:
    members = payload.manifest.members
    for name in names:
        if not any(_is_under(member, name) for member in members):
            near = difflib.get_close_matches(name, [member.path for member in members], n=1)
            hint = f"did you mean `{near[0]}`?" if near else "`lmfile inspect` lists them."
            raise UsageError(f"Extracting `{name}`: there is no such member; {hint}")
    return [member for member in members if not names or any(_is_under(member, name) for name in names)]


def _is_under(member: Member, name: str) -> bool:
    return member.path == name or member.path.startswith(name.rstrip("/") + "/")


def _target(directory: Path, member: Member, force: bool) -> Path:
    """The manifest's reader lets only safe names through; what can still lead outside is a link in `directory`."""
    target = directory / member.path
    if not target.resolve().is_relative_to(directory.resolve()):
        raise UsageError(f"Extracting to `{target}`: a link leads out of `{directory}`; choose another -o.")
    if target.is_dir() or (target.exists() and not force):
        raise UsageError(f"Extracting to `{target}`: it exists; choose another -o, or --force to replace files.")
    return target


def _write(payload: Payload, member: Member, target: Path, console: Console) -> None:
    with store.staging_file(target) as part:
        with open(part, "xb", buffering=0) as file:
            found = copying.copy(
                payload.path, member.offset, member.size, file, None,
                lambda done: console.progress(member.path, done, member.size),
            )  # fmt: skip
        if found.sha256 != member.sha256:
            raise PayloadDamaged(payload.path, f"the bytes of `{member.path}` were changed")
