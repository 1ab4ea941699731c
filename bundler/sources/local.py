"""Opens weights that are on this computer: a GGUF, the shards of one, an archive that holds some, or a folder.

What a file is follows from its first bytes, not from its name. A Hugging Face folder is no source yet: it has to be
converted, and `is_hf_folder` tells it apart.
"""

import stat
from pathlib import Path

from bundler.sources import archives, pickles, split
from bundler.sources.source import Progress, Provenance, Source
from runtime import gguf
from runtime.errors import ModelNotFound, ModelUnsupported

CONFIG, PEFT_CONFIG = "config.json", "adapter_config.json"
SAFETENSORS = ".safetensors"
MAX_NAMED = 4
"""Files in a message."""

_OLD_FORMATS = (b"ggml", b"lmgg", b"fmgg", b"tjgg", b"algg")
_ARCHIVES = (b"PK\3\4", b"PK\5\6", b"\x7fELF", b"MZ", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""How zips and programs of every system begin; a llamafile is both."""


def open(path: Path, progress: Progress) -> Source:
    """Return the model that `path` means, `FILE#NAME` for one inside of an archive; only headers are read.

    Raises: ModelNotFound, ModelInvalid, ModelUnsupported; PayloadDamaged for a damaged lmfile.
    """
    try:
        path, member = _split(path)
        is_folder = path.is_dir()
    except OSError as error:  # a folder on the way may not be read
        raise ModelNotFound(path, (error.strerror or str(error)).lower()) from error
    if member:
        return archives.open_archive(path, member)
    if is_folder:
        path = _in_folder(path)
    beginning = _beginning(path)
    pickles.refuse(path, beginning)
    if beginning.startswith(_ARCHIVES):
        return archives.open_archive(path, "")
    _refuse_others(path, beginning)
    named = split.shard_name(path)
    if named and named.total > 1:
        return split.joined(named, progress)
    return Source(path, gguf.read(path), path.stem, None, Provenance(path.name))


def files(path: Path) -> list[Path]:
    """All files that `path`, if it is one, brings with it: itself, or every shard of its model."""
    named = split.shard_name(path)
    return [named.path(number) for number in range(1, named.total + 1)] if named else [path]


def is_hf_folder(path: Path) -> bool:
    """Whether `path` is a folder with a model as `save_pretrained` writes it, in safetensors."""
    try:
        return (path / CONFIG).is_file() and any(path.glob(f"*{SAFETENSORS}"))
    except OSError:
        return False


def _split(path: Path) -> tuple[Path, str]:
    """File and member of `FILE#NAME`; a path that exists as it stands is taken as it stands."""
    text = str(path.expanduser())
    file, mark, member = text.partition("#")
    while mark and not Path(file).is_file() and "#" in member:
        more, _, member = member.partition("#")
        file = f"{file}#{more}"
    whole = Path(text)
    return (Path(file), member) if mark and member and not whole.exists() else (whole, "")


def _in_folder(folder: Path) -> Path:
    """The one model of a folder: its only .gguf file, or the first of its only set of shards."""
    try:
        names = sorted(each.name for each in folder.iterdir())
    except OSError as error:
        raise ModelNotFound(folder, (error.strerror or str(error)).lower()) from error
    found: dict[tuple[str, int], Path] = {}
    for name in (each for each in names if each.lower().endswith(".gguf")):
        named = split.shard_name(folder / name)
        found.setdefault((named.stem, named.total) if named else (name, 1), folder / name)
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        shown = ", ".join(f"`{each.name}`" for each in list(found.values())[:MAX_NAMED])
        raise ModelNotFound(
            folder, f"it is a directory with {len(found)} models in it ({shown}), and one has to be named"
        )
    if PEFT_CONFIG in names:
        raise ModelUnsupported(folder, "it holds a LoRA adapter, which is packed beside its model with --adapter")
    if pickled := next((name for name in names if Path(name).suffix.lower() in pickles.ENDINGS), None):
        raise ModelUnsupported(folder / pickled, pickles.REASON)
    if is_hf_folder(folder):
        raise ModelUnsupported(folder, "it is in Hugging Face layout and has to be converted first (`lmfile convert`)")
    raise ModelNotFound(
        folder, "it is a directory without a model in it, be it a .gguf file or config.json and safetensors"
    )


def _beginning(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a named pipe would wait for ever
            raise ModelNotFound(path, "it is not a file")
        with path.open("rb") as file:
            return file.read(16)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise ModelNotFound(path, (getattr(error, "strerror", None) or str(error)).lower()) from error


def _refuse_others(path: Path, beginning: bytes) -> None:
    """Formats that are mistaken for GGUF; anything else is left to its reader."""
    if beginning.startswith(_OLD_FORMATS):
        raise ModelUnsupported(path, "it is in a format from before GGUF; get it as GGUF or convert the original again")
    if path.suffix.lower() == SAFETENSORS and not beginning.startswith(gguf.reader.MAGIC):
        raise ModelUnsupported(path, "it is weights without their config.json; name the folder that holds both")
