"""The flow of `lmfile build`, top to bottom: models, adapters, launcher, image, our code, executable."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bundler import adapters, app, container, identity, model_members
from bundler.console import Console
from bundler.container import Contents, Part
from bundler.launcher import launcher
from bundler.runtime_image import RuntimeImage, runtime_image
from bundler.share import license_file
from runtime.errors import PayloadDamaged, UsageError
from runtime.payload import RUNTIME_NAME, Model, Payload
from runtime.version import VERSION


@dataclass(frozen=True)
class Request:
    """What to build: models, adapters and assistant as they were written, and the output."""

    models: tuple[str, ...]
    output: Path
    target: str
    assistant: identity.Wanted
    force: bool = False
    adapters: tuple[str, ...] = ()


def build(request: Request, console: Console) -> None:
    """Build the executable and print its size. Raises: LmfileError; nothing is left of a failed build."""
    _check_output(request)
    assistant = identity.packed(request.assistant)
    models = model_members.packed(request.models, console.progress)
    packed = adapters.packed(request.adapters, models[0].file)
    stub = launcher(request.target, console.progress)
    image = runtime_image(request.target, console.progress)
    contents = Contents(
        name=assistant.record.name or models[0].title,
        target=request.target,
        version=VERSION,
        launcher=stub,
        parts=[
            *app.parts(console.progress),
            *_licenses(image, [model.record for model in models]),
            *assistant.parts,
            *(model.part for model in models),
            *packed.parts,
            Part(RUNTIME_NAME, "runtime", image.archive),
        ],
        runtime=_runtime_facts(image),
        runtime_unpacked=image.unpacked_bytes,
        models=[model.record for model in models],
        adapters=packed.records,
        assistant=assistant.record,
        created=container.created(),
    )
    size = container.write(request.output, contents, console.progress)
    weights = sum(part.size for part in [*(model.part for model in models), *packed.parts])
    console.result(
        f"{request.output}: {size / 1e6:.1f} MB = {weights / 1e6:.1f} MB weights"
        f" + {(size - weights) / 1e6:.1f} MB engine, runtime and page"
    )


def _check_output(request: Request) -> None:
    """An existing file is replaced only if it is an executable of ours: a slip must not cost a document."""
    output = request.output
    if output.is_dir():
        raise UsageError(f"Writing `{output}`: it is a directory; name the file to write with -o.")
    if not output.exists() or request.force:
        return
    try:
        Payload.open(output)
    except (PayloadDamaged, OSError) as error:
        raise UsageError(
            f"Writing `{output}`: the file exists and is not an lmfile; add --force to replace it."
        ) from error


def _licenses(image: RuntimeImage, models: Sequence[Model]) -> list[Part]:
    files = sorted(path for path in image.licenses.rglob("*") if path.is_file())
    texts = {path.relative_to(image.licenses).as_posix(): path.read_bytes() for path in files}
    texts["lmfile.txt"] = license_file().read_bytes()
    texts["model.txt"] = "\n".join(map(_notice, models)).encode()
    return [Part(f"LICENSES/{name}", "license", text) for name, text in texts.items()]


def _notice(model: Model) -> str:
    notice = f"{model.name}\n\nFile: {model.path}\nLicense, as its publisher states it: {model.license}\n"
    if model.license.lower() == "apache-2.0":
        notice += "The text of the Apache License 2.0 is in lmfile.txt beside this file.\n"
    return notice


def _runtime_facts(image: RuntimeImage) -> dict[str, object]:
    """What the manifest tells about the image."""
    facts = asdict(image)
    keys = ("sha256", "python", "glibc", "engine", "packages")
    return {key: facts[key] for key in keys} | {"unpacked": image.unpacked_bytes}
