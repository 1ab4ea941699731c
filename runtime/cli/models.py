"""The models that the server offers: the main one, the others of the executable, and those of `--models-dir`."""

from collections.abc import Iterator
from pathlib import Path

from runtime.adapters.catalogue import Catalogue
from runtime.cli.flags import Options
from runtime.cli.source import ModelSource
from runtime.console import Console
from runtime.engine.config import WorkerConfig
from runtime.engine.fleet import Limits
from runtime.engine.routing import ROLES, ModelEntry, Role
from runtime.errors import LmfileError, ModelNotFound, PayloadDamaged, SidecarMissing
from runtime.payload import Payload

NO_LIMIT = 1_000_000


def entries(
    options: Options, payload: Payload | None, main: ModelSource, config: WorkerConfig, console: Console
) -> list[ModelEntry]:
    """Return them with the main one first, which runs as `config` says.

    Files of the folder that are no models of this engine are left out with a warning, and so is
    one whose name is taken. Raises: ModelNotFound without the folder.
    """
    name, *aliases = _names(options, main, payload)
    digest = "" if main.foreign or payload is None else _digest(payload, main.offset)
    known = [ModelEntry(name, config, main.role, tuple(aliases), _adapters(config), digest)]
    if payload:
        packed = _packed_beside(payload, config, console) if main.foreign else _packed(payload, config)
        known += [entry for entry in packed if main.foreign or entry.config.offset != main.offset]
    for entry in _in_folder(options.models_dir, config, console):
        if entry.name in [one.name for one in known]:
            console.warning(f"`{entry.config.model_path}` is left out: another model is called `{entry.name}`")
        elif Path(entry.config.model_path) != main.path:
            known.append(entry)
    return known


def limits(options: Options) -> Limits:
    """What the flags say about how many models are in memory, and for how long."""
    return Limits(max_loaded=options.models_max or NO_LIMIT, sleep_idle_s=options.sleep_idle_seconds)


def _names(options: Options, main: ModelSource, payload: Payload | None) -> list[str]:
    """What the main model is called, the listed name first."""
    file = main.path if main.foreign or payload is None else payload.path
    given = [*(options.alias or "").split(","), main.name, file.stem]
    return list(dict.fromkeys(name for name in given if name))


def _adapters(config: WorkerConfig) -> tuple[str, ...]:
    """Names of adapters, each of which means the main model with it."""
    if not config.adapters and not config.lora_dir:
        return ()
    return tuple(listed.wanted.name for listed in Catalogue.of(config).all())


def _packed(payload: Payload, config: WorkerConfig) -> Iterator[ModelEntry]:
    for model in payload.manifest.models:
        member = payload.member(model.path)
        role: Role | None = ROLES.get(model.role)
        if member and role:
            name = Path(model.path).stem
            aliases = (model.name,) if model.name != name else ()
            packed = _other(config, name, payload.file_of(member), member.offset, member.size)
            yield ModelEntry(name, packed, role, aliases, sha256=member.sha256)


def _packed_beside(payload: Payload, config: WorkerConfig, console: Console) -> list[ModelEntry]:
    """The packed models where another one is the main one: a start does without them if their file is not there."""
    try:
        return list(_packed(payload, config))
    except (SidecarMissing, PayloadDamaged) as refusal:
        console.warning(str(refusal))
        return []


def _digest(payload: Payload, offset: int) -> str:
    return next((member.sha256 for member in payload.by_role("model") if member.offset == offset), "")


def _in_folder(folder: str | None, config: WorkerConfig, console: Console) -> Iterator[ModelEntry]:
    if folder is None:
        return
    if not Path(folder).is_dir():
        raise ModelNotFound(folder, "--models-dir is not a folder")
    from runtime import gguf  # 6 ms that a start without a folder does not need

    for path in sorted(Path(folder).absolute().glob("*.gguf")):
        try:
            role = gguf.facts(gguf.read(path)).role
        except LmfileError as refusal:
            console.warning(str(refusal))
        else:
            yield ModelEntry(path.stem, _other(config, path.stem, path, 0, path.stat().st_size), role)


def _other(main: WorkerConfig, name: str, path: Path, offset: int, size: int) -> WorkerConfig:
    """The settings of the main model without those that are about its weights."""
    return main._replace(
        name=name,
        model_path=str(path),
        offset=offset,
        size=size,
        pooling="",
        chat_template="",
        chat_template_file="",
        adapters="",
        lora_dir="",
        draft_path="",
        draft_offset=0,
        draft_size=0,
        baked_path="",
        baked_size=0,
    )
