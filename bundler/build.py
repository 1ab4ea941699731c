"""The flow of `lmfile build`, top to bottom: model, adapters, launcher, image, our code, executable."""

from dataclasses import asdict, dataclass
from pathlib import Path

from bundler import adapters, app, container, models
from bundler.console import Console
from bundler.container import Contents, Part
from bundler.launcher import launcher
from bundler.runtime_image import RuntimeImage, runtime_image
from bundler.share import license_file
from runtime import gguf
from runtime.errors import PayloadDamaged, UsageError
from runtime.payload import RUNTIME_NAME, Model, Payload
from runtime.payload.manifest import is_safe
from runtime.version import VERSION

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Request:
    """What to build: MODEL and the adapters as they were written, and the output; `name` None: the model's."""

    model: str
    output: Path
    target: str
    name: str | None = None
    force: bool = False
    adapters: tuple[str, ...] = ()


def build(request: Request, console: Console) -> None:
    """Build the executable and print its size. Raises: LmfileError; nothing is left of a failed build."""
    _check_output(request)
    source = models.resolve(request.model, console.progress)
    base = gguf.read(source.path)
    model = _model(source, gguf.facts(base))
    packed = adapters.packed(request.adapters, base)
    stub = launcher(request.target, console.progress)
    image = runtime_image(request.target, console.progress)
    contents = Contents(
        name=request.name or source.name,
        target=request.target,
        version=VERSION,
        launcher=stub,
        parts=[
            *app.parts(console.progress),
            *_licenses(image, model),
            Part(model.path, "model", source.path),
            *packed.parts,
            Part(RUNTIME_NAME, "runtime", image.archive),
        ],
        runtime=_runtime_facts(image),
        runtime_unpacked=image.unpacked_bytes,
        models=[model],
        adapters=packed.records,
        created=container.created(),
    )
    size = container.write(request.output, contents, console.progress)
    weights = source.path.stat().st_size + sum(part.size for part in packed.parts)
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


def _model(source: models.Source, facts: gguf.Facts) -> Model:
    return Model(
        role="chat",
        path=f"models/{_safe(source.path.name)}",
        architecture=facts.architecture,
        name=facts.name or source.name,
        parameters=facts.parameters,
        context_length=facts.context_length,
        file_type=facts.file_type,
        license=facts.license or source.license or NOT_STATED,
    )


def _safe(name: str) -> str:
    """`name` with an underscore for each character that some system does not allow in a file's name."""
    return "".join(character if is_safe("_" + character) else "_" for character in name)


def _licenses(image: RuntimeImage, model: Model) -> list[Part]:
    files = sorted(path for path in image.licenses.rglob("*") if path.is_file())
    texts = {path.relative_to(image.licenses).as_posix(): path.read_bytes() for path in files}
    texts["lmfile.txt"] = license_file().read_bytes()
    notice = f"{model.name}\n\nFile: {model.path}\nLicense, as its publisher states it: {model.license}\n"
    if model.license.lower() == "apache-2.0":
        notice += "The text of the Apache License 2.0 is in lmfile.txt beside this file.\n"
    texts["model.txt"] = notice.encode()
    return [Part(f"LICENSES/{name}", "license", text) for name, text in texts.items()]


def _runtime_facts(image: RuntimeImage) -> dict[str, object]:
    """What the manifest tells about the image."""
    facts = asdict(image)
    keys = ("sha256", "python", "glibc", "engine", "packages")
    return {key: facts[key] for key in keys} | {"unpacked": image.unpacked_bytes}
