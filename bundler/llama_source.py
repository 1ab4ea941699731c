"""Unpacks the pinned source of llama.cpp, as upstream published it or with our edits.

The source is the llama-cpp-python archive: its bindings in llama_cpp/ and, of one commit
with them, llama.cpp in vendor/llama.cpp/. Our edits are the unified diffs of build/engine/patches/.
"""

import tarfile
from pathlib import Path

import patch_ng

from bundler import fetch, store
from runtime.errors import BuildFailed

PIN = "llama-cpp-python"
LLAMA_CPP = "vendor/llama.cpp"
WHAT = "llama.cpp"

# Needed by no target of ours, and half of the archive's files.
_PASSED_OVER = tuple(f"{LLAMA_CPP}/{name}/" for name in (".github", "docs", "gguf-py", "media", "models", "tests"))

_CONVERTER = tuple(f"{LLAMA_CPP}/{name}" for name in ("convert_hf_to_gguf.py", "conversion/", "gguf-py/gguf/"))


def edits() -> list[Path]:
    """The patches, in the order they are applied."""
    return sorted((store.build_dir() / "engine" / "patches").glob("*.patch"))


def unpack(folder: Path, progress: fetch.Progress = fetch.quiet) -> Path:
    """Unpack the source into `folder`, made for it, and return the folder.

    Raises: DownloadFailed, or BuildFailed when the archive is not what it should be.
    """
    _unpack(folder, ("llama_cpp/", f"{LLAMA_CPP}/", "LICENSE"), _PASSED_OVER, progress)
    return folder


def unpack_converter(folder: Path, progress: fetch.Progress = fetch.quiet) -> Path:
    """Unpack what converts models of Hugging Face into `folder`; return where its program lies.

    Raises: DownloadFailed, BuildFailed.
    """
    _unpack(folder, _CONVERTER, (), progress)
    return folder / LLAMA_CPP


def apply_edits(folder: Path) -> None:
    """Apply our patches to an unpacked source, each completely or the build ends.

    Raises: BuildFailed naming the patch that does not fit.
    """
    for edit in edits():
        patches = patch_ng.fromfile(str(edit))
        if not patches or not patches.apply(strip=1, root=str(folder), fuzz=False):
            raise BuildFailed(WHAT, f"the edit `{edit.name}` does not fit the source")


def _unpack(folder: Path, wanted: tuple[str, ...], passed_over: tuple[str, ...], progress: fetch.Progress) -> None:
    archive = fetch.fetch(fetch.pins()[PIN], progress)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = member.name.partition("/")[2]
                if member.isfile() and name.startswith(wanted) and not name.startswith(passed_over):
                    _write(tar, member, folder, name)
    except (tarfile.TarError, EOFError) as error:
        raise BuildFailed(WHAT, f"`{archive}` cannot be unpacked ({error}); delete it and try again") from error


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, name: str) -> None:
    content = tar.extractfile(member)
    if content is None or ".." in Path(name).parts:
        return
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.read())
