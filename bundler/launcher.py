"""Builds the launcher, the small C program in front of every executable, for any target on any host.

zig compiles it from build/launcher/ and from the decoder half of zstd's source, which is taken
out of the pinned source archive of the `zstandard` package. Its bytes depend on the sources, the
flags and zig's version, and on nothing else: not on the day, the directory or the host.
"""

import importlib.metadata
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from bundler import cmake, fetch, store
from runtime.errors import BuildFailed, UsageError

FLAGS = (
    "-std=c11 -O2 -s -ffunction-sections -fdata-sections -Wall -Wextra -Wconversion -Werror "
    "-D_GNU_SOURCE -D_DARWIN_C_SOURCE -D_FILE_OFFSET_BITS=64"
).split()
SYSTEMS = ("posix", "windows")
KIND = "launcher"
TIMEOUT_S = 900  # zig builds the target's C library first, once: 40 s on two quiet cores

ZSTD_HEADERS = ("zstd.h", "zstd_errors.h")
# zstd.c is many files in a row, each behind such a line. The compressor lies between the first
# two of these, and from the third on it is about training dictionaries.
ZSTD_MARK = "/**** start inlining {} ****/"
ZSTD_CUTS = ("compress/fse_compress.c", "decompress/huf_decompress.c", "dictBuilder/cover.c")


@dataclass(frozen=True)
class Recipe:
    """The `[launcher]` table of build/targets/TARGET.toml; `system` is the suffix of the sources it takes."""

    zig_target: str
    system: str
    flags: list[str]

    def sources(self) -> list[Path]:
        """The C files and headers: all but those that name another system."""
        others = tuple(f"_{system}" for system in SYSTEMS if system != self.system)
        directory = store.build_dir() / "launcher"
        return sorted(path for path in directory.glob("*.[ch]") if not path.stem.endswith(others))


def launcher(target: str, progress: fetch.Progress = fetch.quiet) -> Path:
    """Return the launcher for `target`, building it the first time: 5 s, and the target's C library once.

    Raises: UsageError for an unknown target; DownloadFailed; BuildFailed.
    """
    return build(recipe(target), progress)


def recipe(target: str) -> Recipe:
    """The recipe of a target's launcher.

    Raises: UsageError when there is none.
    """
    files = (store.build_dir() / "targets").glob("*.toml")
    tables = {file.stem: tomllib.loads(file.read_text(encoding="utf-8")).get("launcher") for file in files}
    if table := tables.get(target):
        return Recipe(**table)
    known = ", ".join(sorted(name for name, table in tables.items() if table))
    raise UsageError(f"Building the launcher for `{target}`: there is no such target; choose one of {known}.")


def build(recipe: Recipe, progress: fetch.Progress = fetch.quiet) -> Path:
    """Return the launcher of `recipe` from the cache, or make it.

    Raises: DownloadFailed, BuildFailed.
    """

    def make(staging: Path) -> None:
        _unpack_zstd(fetch.fetch(_pin(), progress), staging)
        _compile(recipe, staging)

    return store.once(KIND, key(recipe), make) / "launcher"


def key(recipe: Recipe) -> str:
    """The recipe hash."""
    sources = recipe.sources()
    names = [source.name for source in sources]
    zig = importlib.metadata.version("ziglang")
    settings = [FLAGS, recipe.zig_target, recipe.flags, _pin().sha256, ZSTD_MARK, ZSTD_CUTS, zig, names]
    return store.recipe_hash(settings, *sources)


def _pin() -> fetch.Pin:
    return fetch.pins()["zstandard-source"]


def _compile(recipe: Recipe, staging: Path) -> None:
    sources = [path for path in recipe.sources() if path.suffix == ".c"]
    places = [f"-ffile-prefix-map={directory}=." for directory in (sources[0].parent, staging)]
    command: list[str | Path] = [cmake.zig(), "cc", "-target", recipe.zig_target, *FLAGS, *recipe.flags, *places]
    log = store.cache_dir("logs") / f"launcher-{recipe.zig_target}.log"
    log.unlink(missing_ok=True)
    command += ["-isystem", staging, *sources, "-o", staging / "launcher"]
    cmake.run(command, log, f"the launcher for {recipe.zig_target}", timeout_s=TIMEOUT_S)
    for leftover in staging.iterdir():
        if leftover.name != "launcher":
            leftover.unlink()


def _unpack_zstd(archive: Path, directory: Path) -> None:
    """Write zstd_decoder.c and the headers it needs."""
    with tarfile.open(archive) as source:
        files = {Path(member.name).name: member for member in source if Path(member.name).parent.name == "zstd"}
        for name in (*ZSTD_HEADERS, "zstd.c"):
            content = source.extractfile(files[name]) if name in files else None
            if content is None:
                raise BuildFailed("the launcher", f"`{archive.name}` has no {name}")
            (directory / name).write_bytes(content.read())
    amalgamation = directory / "zstd.c"
    (directory / "zstd_decoder.c").write_bytes(_decoder(amalgamation.read_bytes()))


def _decoder(zstd: bytes) -> bytes:
    cuts = [zstd.find(ZSTD_MARK.format(part).encode()) for part in ZSTD_CUTS]
    if min(cuts) < 0 or cuts != sorted(cuts):
        raise BuildFailed("the launcher", "zstd.c is not laid out as expected; adapt ZSTD_CUTS to its version")
    compressor, decompressor, dictionaries = cuts
    return zstd[:compressor] + zstd[decompressor:dictionaries]
