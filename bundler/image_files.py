"""Runtime images as files, so that one computer packs for targets whose images others have made.

A file is a tar archive without compression: `image.lmrt.json`, which lists the rest with sizes and hashes, then the
image and the launcher of one target as they lie in the cache. Its bytes depend on nothing but these. What is imported
gets its place in the cache when all of it is there and every hash is right, and only if this lmfile would use it.
"""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bundler import engine, imported, launcher, runtime_image, store
from bundler.copying import NO_ROOM
from bundler.image_recipe import ImageRecipe
from runtime.errors import CannotWrite, DiskFull, PayloadDamaged, UsageError
from runtime.payload.manifest import is_safe

INDEX = "image.lmrt.json"
FORMAT = 1
MAX_INDEX_BYTES = 4 << 20
MAX_BYTES = 4 << 30
MAX_FILES = 10_000
MAX_COMPILER = 4096
CHUNK_BYTES = 1 << 20

Progress = Callable[[str, int, int], None]


class Entry(NamedTuple):
    """One file of the archive: the kind of its artefact, and its name in there."""

    kind: str
    name: str
    size: int
    sha256: str

    @property
    def path(self) -> str:
        """Its name in the archive."""
        return f"{self.kind}/{self.name}"


class Index(NamedTuple):
    """What a file says it holds; `keys`: the recipe hash of each kind; `compiler`: its maker's own, if not zig."""

    target: str
    keys: dict[str, str]
    entries: Sequence[Entry]
    compiler: str = ""


def export(target: str, file: Path, progress: Progress) -> int:
    """Write image and launcher of `target`, made if there are none, to `file`; -> bytes.

    Raises: UsageError for a target that none can be made for, or a file that is something else; DownloadFailed,
    BuildFailed, DiskFull, CannotWrite.
    """
    _check_output(file)
    roots = {
        runtime_image.KIND: runtime_image.runtime_image(target, progress).root,
        launcher.KIND: launcher.launcher(target, progress).parent,
    }
    entries = [entry for kind, root in roots.items() for entry in _entries(kind, root)]
    keys = {kind: root.name for kind, root in roots.items()}
    index = Index(target, keys, entries, _compiler(target, keys[runtime_image.KIND]))
    try:
        with store.staging_file(file) as part:
            _write(part, index, roots, lambda done: progress(f"writing {file.name}", done, len(entries)))
            return part.stat().st_size
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFull(file) from error
        raise CannotWrite(file, (error.strerror or str(error)).lower()) from error


def take(file: Path, progress: Progress) -> tuple[str, bool]:
    """Put what `file` holds into the cache; -> its target, and whether the cache did not have it.

    Raises: PayloadDamaged for a file that is none or was changed; UsageError for one of another lmfile, or a path that
    cannot be read; DiskFull.
    """
    try:
        with tarfile.open(file, "r:") as archive:
            index = _index(archive)
            _check_use(file, index)
            missing = [kind for kind, key in index.keys.items() if not (store.cache_dir(kind) / key).is_dir()]
            for kind in missing:
                mine = [entry for entry in index.entries if entry.kind == kind]
                store.once(kind, index.keys[kind], partial(_unpack, archive, mine, progress))
            imported.remember(index.target, index.compiler)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise PayloadDamaged(file, f"it is no runtime image, or not all of one ({error})") from error
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFull(store.cache_dir(runtime_image.KIND)) from error
        raise UsageError(f"Importing `{file}`: {(error.strerror or str(error)).lower()}; check the path.") from error
    return index.target, bool(missing)


def _compiler(target: str, key: str) -> str:
    """With what the image of this recipe hash was made, if not with zig."""
    noted = imported.compiler(target)
    is_imported = bool(noted) and ImageRecipe(target, noted).key == key
    return noted if is_imported else engine.Recipe(target).compiler


def _check_output(file: Path) -> None:
    """Only an image is replaced: a slip must not cost a document. Raises: UsageError."""
    if file.is_dir() or not file.absolute().parent.is_dir():
        what = "it is a directory" if file.is_dir() else "there is no such directory"
        raise UsageError(f"Writing `{file}`: {what}; name the file to write with -o.")
    if file.exists() and not _is_image(file):
        raise UsageError(f"Writing `{file}`: the file exists and is no runtime image; name another one with -o.")


def _is_image(file: Path) -> bool:
    try:
        with tarfile.open(file, "r:") as archive:
            first = archive.next()
    except (tarfile.TarError, OSError, EOFError):
        return False
    return first is not None and first.name == INDEX


def _entries(kind: str, root: Path) -> list[Entry]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [Entry(kind, path.relative_to(root).as_posix(), path.stat().st_size, _sha256(path)) for path in files]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(part: Path, index: Index, roots: dict[str, Path], advance: Callable[[int], None]) -> None:
    files = [entry._asdict() for entry in index.entries]
    told = {"format": FORMAT, "target": index.target, "keys": index.keys, "files": files}
    told |= {"compiler": index.compiler} if index.compiler else {}
    data = json.dumps(told, sort_keys=True, indent=1).encode() + b"\n"
    with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(_head(INDEX, len(data)), io.BytesIO(data))
        for number, entry in enumerate(index.entries, 1):
            with (roots[entry.kind] / entry.name).open("rb") as source:
                archive.addfile(_head(entry.path, entry.size), source)
            advance(number)


def _head(path: str, size: int) -> tarfile.TarInfo:
    """Owner and date are nobody's and never."""
    head = tarfile.TarInfo(path)
    head.size = size
    return head


def _index(archive: tarfile.TarFile) -> Index:
    """What the first member says, checked. Raises: ValueError, TarError."""
    first = archive.next()
    source = archive.extractfile(first) if first and first.name == INDEX and first.size <= MAX_INDEX_BYTES else None
    table: Any = json.loads(source.read()) if source else None
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise ValueError("its index is missing, or of another format")
    target, keys, rows = table.get("target"), table.get("keys"), table.get("files")
    compiler = table.get("compiler", "")
    if not isinstance(target, str) or not isinstance(keys, dict) or not isinstance(rows, list):
        raise ValueError("its index is not complete")
    if not isinstance(compiler, str) or len(compiler) > MAX_COMPILER:
        raise ValueError("its index is not complete")
    if set(keys) != {runtime_image.KIND, launcher.KIND} or len(rows) > MAX_FILES:
        raise ValueError("its index lists something else than an image and a launcher")
    index = Index(target, {kind: str(key) for kind, key in keys.items()}, [_entry(row) for row in rows], compiler)
    paths = {entry.path for entry in index.entries}
    needed = {f"{runtime_image.KIND}/{name}" for name in (runtime_image.ARCHIVE, runtime_image.FACTS)}
    if not paths >= needed | {f"{launcher.KIND}/launcher"} or len(paths) < len(index.entries):
        raise ValueError("its index lacks a file, or has one twice")
    if sum(entry.size for entry in index.entries) > MAX_BYTES:
        raise ValueError(f"it would take more than {MAX_BYTES >> 30} GB")
    return index


def _entry(row: Any) -> Entry:
    if not isinstance(row, dict) or set(row) != set(Entry._fields):
        raise ValueError("its index has a file that is none")
    entry = Entry(**row)
    if not all(isinstance(text, str) for text in (entry.kind, entry.name, entry.sha256)) or not is_safe(entry.path):
        raise ValueError("its index has a file with an impossible name")
    if not isinstance(entry.size, int) or entry.size < 0 or entry.kind not in (runtime_image.KIND, launcher.KIND):
        raise ValueError("its index has a file with an impossible size or kind")
    return entry


def _check_use(file: Path, index: Index) -> None:
    """Raises: UsageError unless a build for the target would use exactly this."""
    used = {
        runtime_image.KIND: ImageRecipe(index.target, index.compiler).key,
        launcher.KIND: launcher.key(launcher.recipe(index.target)),
    }
    if index.keys != used:
        raise UsageError(
            f"Importing `{file}`: another version of lmfile has made it, and builds here would not use it; export it "
            f"anew with this one."
        )


def _unpack(archive: tarfile.TarFile, entries: Sequence[Entry], progress: Progress, staging: Path) -> None:
    """Raises: ValueError for bytes that are not those of the index; TarError, OSError; nothing is left then."""
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, staging, ignore_errors=True)
        for number, entry in enumerate(entries, 1):
            _unpack_one(archive, entry, staging / entry.name)
            progress(f"importing {entry.kind}", number, len(entries))
        undo.pop_all()


def _unpack_one(archive: tarfile.TarFile, entry: Entry, target: Path) -> None:
    try:
        head = archive.getmember(entry.path)
    except KeyError:
        raise ValueError(f"`{entry.path}` is missing") from None
    source = archive.extractfile(head) if head.isreg() and not head.issparse() else None
    if source is None or head.size != entry.size:
        raise ValueError(f"`{entry.path}` is not what its index says")
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != entry.sha256:
        raise ValueError(f"`{entry.path}` was changed")
