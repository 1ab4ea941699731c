"""Finds the adapters to offer: those that flags name, the packed ones, and a folder of more.

Those that flags name are held against the model before the worker starts, so that a wrong
one is an exit code; what lies in the folder, when a request first asks for it.
"""

from collections.abc import Iterable
from pathlib import Path

from runtime.adapters.catalogue import Wanted, adapter_name, encode
from runtime.adapters.registry import from_config
from runtime.cli.flags import Options
from runtime.engine.config import WorkerConfig
from runtime.errors import AdapterNotFound, UsageError
from runtime.payload import Payload

MAX_SCALE = 1e6


def with_adapters(config: WorkerConfig, options: Options, payload: Payload | None) -> WorkerConfig:
    """`config` with the adapters that there are for its model; `payload` where that is the packed one.

    Raises: AdapterNotFound, AdapterInvalid, AdapterUnsupported for what a flag names; UsageError.
    """
    named = [*_plain(options.lora), *_scaled(options.lora_scaled)]
    _check_names(named)
    wanted = [*named, *(_packed(payload) if payload else ())]
    if options.lora_init_without_apply:
        wanted = [each._replace(scale=0.0) for each in wanted]
    config = config._replace(adapters=encode(wanted), lora_dir=_folder(options.lora_dir))
    if named:
        from_config(config).check_fixed()
    return config


def _plain(values: tuple[str, ...]) -> list[Wanted]:
    return [_from_path(value, 1.0) for value in values]


def _scaled(values: tuple[str, ...]) -> list[Wanted]:
    """Adapters with a weight behind the last colon: a path may have one, too (`C:\\ada.gguf:0.5`)."""
    wanted = []
    for value in values:
        path, _, text = value.rpartition(":")
        try:
            scale = float(text)
        except ValueError:
            scale = float("nan")
        if not path or not -MAX_SCALE <= scale <= MAX_SCALE:
            raise UsageError(f"Reading the command line: --lora-scaled is `{value[:80]}`; write it as FILE:0.5.")
        wanted.append(_from_path(path, scale))
    return wanted


def _from_path(text: str, scale: float) -> Wanted:
    path = Path(text).absolute()
    if not path.exists():
        raise AdapterNotFound(text)
    return Wanted(adapter_name(path), str(path), scale=scale)


def _packed(payload: Payload) -> Iterable[Wanted]:
    for adapter in payload.manifest.adapters:
        member = payload.member(adapter.path)
        if member is not None:
            yield Wanted(adapter.name, str(payload.file_of(member)), member.offset, member.size, adapter.scale)


def _check_names(wanted: list[Wanted]) -> None:
    seen: dict[str, str] = {}
    for each in wanted:
        other = seen.setdefault(each.name, each.path)
        if other != each.path:
            raise UsageError(
                f"Reading the command line: the adapters `{other}` and `{each.path}` would both be called "
                f"`{each.name}`; rename one of them."
            )


def _folder(text: str | None) -> str:
    if text is None:
        return ""
    if not Path(text).is_dir():
        raise AdapterNotFound(text, "--lora-dir is not a folder")
    return str(Path(text).absolute())
