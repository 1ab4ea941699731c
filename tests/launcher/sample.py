"""Makes small lmfiles for the launcher's tests: the real launcher and packer around an image of a few files."""

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard

from bundler import cmake, container, fetch, store
from bundler.container import Contents, Part
from tests.running import Command, Done, run

COMPILE_LIMIT_S = 300
MTIME_S = 1_000_000_000
"""The date of the members; any but now would do."""


@dataclass(frozen=True)
class Sample:
    """An lmfile: where it is, the name its runtime gets in the cache, and what is in that runtime."""

    path: Path
    digest: str
    files: dict[str, bytes]

    def directory(self, root: Path) -> Path:
        """Where the runtime is in the cache `root`."""
        return root / "runtimes" / self.digest


def compiled(folder: Path, sources: Sequence[Path], target: str, *flags: str | Path) -> Path:
    """A program for a zig target, static on Linux."""
    program = folder / f"{sources[0].stem}-{target}"
    command = [cmake.zig(), "cc", "-target", target, "-O1", "-s", *flags, *sources, "-o", program]
    zig_cache = str(store.cache_dir("zig"))
    environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": zig_cache, "ZIG_LOCAL_CACHE_DIR": zig_cache}
    subprocess.run(command, env=environment, check=True, timeout=COMPILE_LIMIT_S)
    return program


def member(name: str, content: bytes = b"", mode: int = 0o644, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """One tar member; `fields` are attributes of TarInfo."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(content), mode, MTIME_S
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar(members: Iterable[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """The archive of `members`, in their order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as out:
        for info, content in members:
            out.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def squeeze(data: bytes, level: int = 1) -> bytes:
    """Compressed as images are, but quickly."""
    return zstandard.ZstdCompressor(level=level).compress(data)


def pack(path: Path, launcher: Path, image: bytes, unpacked: int) -> Path:
    """Write the lmfile `path` with `image` as its runtime.tar.zst."""
    part = path.with_name(path.name + ".image")
    part.write_bytes(image)
    parts = [Part("LICENSES/none.txt", "license", b"none"), Part("runtime.tar.zst", "runtime", part)]
    facts = {"sha256": hashlib.sha256(image).hexdigest(), "unpacked": unpacked}
    contents = Contents("sample", "linux-x86_64", "0.0.0", launcher, parts, facts, unpacked, [])
    container.write(path, contents, fetch.quiet)
    part.unlink()
    return path


def sample(path: Path, launcher: Path, program: Path, files: dict[str, bytes] | None = None) -> Sample:
    """An lmfile with `program` as bin/lmfile and more `files` in its runtime."""
    members = {"bin/lmfile": program.read_bytes()} | (files or {})
    executable = {"bin/lmfile": 0o755}
    image = squeeze(tar(member(name, members[name], executable.get(name, 0o644)) for name in sorted(members)))
    pack(path, launcher, image, sum(map(len, members.values())))
    return Sample(path, hashlib.sha256(image).hexdigest(), members)


def start(lmfile: Path | Sample, *arguments: str, cache: Path | None = None, prefix: Command = (), **env: str) -> Done:
    """Run it with nothing in its environment but `env` and, if given, the cache root."""
    path = lmfile.path if isinstance(lmfile, Sample) else lmfile
    named = {} if cache is None else {"LMFILE_CACHE": str(cache)}
    return run([*prefix, path, *arguments], env=named | env)


def facts(done: Done, kind: str) -> list[str]:
    """What the probe told about `kind`: argument, variable, file, ignored, pid, mask."""
    assert done.status == 0, done
    return [line.removeprefix(kind + " ") for line in done.out.splitlines() if line.startswith(kind + " ")]


def intact(lmfile: Sample, root: Path) -> bool:
    """Whether the cache holds exactly this runtime, complete, beside nothing but its lock."""
    directory = lmfile.directory(root)
    entries = {entry.name for entry in (root / "runtimes").iterdir()}
    found = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    found.pop(".complete", None)
    return (
        entries == {lmfile.digest, f"{lmfile.digest}.lock"}
        and (directory / ".complete").is_file()
        and {name: path.read_bytes() for name, path in found.items()} == lmfile.files
    )


def nothing_extracted(root: Path) -> bool:
    """Whether the cache holds neither a runtime nor a piece of one."""
    runtimes = root / "runtimes"
    return not runtimes.exists() or all(entry.suffix == ".lock" for entry in runtimes.iterdir())
