"""The licence texts in an executable, by their names below LICENSES/: of the machinery, each model, the publisher.

CPython.txt, zstd.txt …     of what build/components.toml lists
models/NAME.txt             what is known of a model's licence, and its text where it came with one
publisher/NAME              what the recipe adds
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from bundler import store
from bundler.explain import components, spdx
from bundler.recipe import LicenseText
from bundler.runtime_image import RuntimeImage
from bundler.share import license_file
from runtime.payload import Model
from runtime.payload.manifest import is_safe

OUR_TEXT = "lmfile.txt"
OF_THE_PUBLISHER = "publisher"
MAX_TEXT_BYTES = 1 << 20
BEGINNINGS = ("LICEN", "COPYING", "NOTICE", "USE_POLICY")
ENDINGS = ("", ".txt", ".md", ".rst")
NO_TEXTS: Mapping[str, Sequence[LicenseText]] = {}


def of_machinery(image: RuntimeImage) -> dict[str, bytes]:
    """The texts of launcher, image and our own code, for executables with this image."""
    files = sorted(path for path in image.licenses.rglob("*") if path.is_file())
    found = {path.relative_to(image.licenses).as_posix(): path.read_bytes() for path in files}
    wanted = {name for row in components.rows_for(image.target) for name in row["texts"]}
    launcher = {path.name: path.read_bytes() for path in sorted(_launcher().iterdir()) if path.name in wanted}
    return {**found, **launcher, OUR_TEXT: license_file().read_bytes()}


def of_models(models: Iterable[Model], came_with: Mapping[str, Sequence[LicenseText]] = NO_TEXTS) -> dict[str, bytes]:
    """A notice for each model; `came_with`: texts that lay beside its weights, by the model's path."""
    return {notice_name(model): _notice(model, came_with.get(model.path, ())).encode() for model in models}


def of_publisher(texts: Sequence[LicenseText]) -> dict[str, bytes]:
    """What the recipe adds, each under its own name; a second one of a name gets a number."""
    found: dict[str, bytes] = {}
    for text in texts:
        name = PurePosixPath(_safe(text.name.replace("/", "_")))
        number, free = 1, name.name
        while f"{OF_THE_PUBLISHER}/{free}" in found:
            number += 1
            free = f"{name.stem}-{number}{name.suffix}"
        found[f"{OF_THE_PUBLISHER}/{free}"] = text.text.encode()
    return found


def in_folder(folder: Path) -> tuple[LicenseText, ...]:
    """The licence files of a model's folder, as people call them; one that is too long is passed over."""
    found = []
    for path in sorted(folder.iterdir()):
        is_one = path.name.upper().startswith(BEGINNINGS) and path.suffix.lower() in ENDINGS
        if is_one and path.is_file() and path.stat().st_size <= MAX_TEXT_BYTES:
            found.append(LicenseText(path.name, path.read_bytes().decode("utf-8", "replace")))
    return tuple(found)


def notice_name(model: Model) -> str:
    """Where a model's notice stands."""
    return f"{model.path.removesuffix('.gguf')}.txt"


def _launcher() -> Path:
    return store.build_dir() / "launcher" / "licenses"


def _notice(model: Model, texts: Sequence[LicenseText]) -> str:
    stated = spdx.identifier(model.license) or model.license
    notice = f"{model.name}\n\nFile: {model.path}\nLicence, as its publisher states it: {stated}\n"
    if source := model.provenance.get("source"):
        notice += f"Source: {source}\n"
    if stated == "Apache-2.0" and not texts:
        notice += f"The text of the Apache License 2.0 is in LICENSES/{OUR_TEXT}.\n"
    return notice + "".join(f"\n----- {text.name} -----\n\n{text.text.strip()}\n" for text in texts)


def _safe(name: str) -> str:
    """`name` as a member may be called."""
    shown = "".join(character if is_safe(f"_{character}") else "_" for character in name)[:100]
    return shown if is_safe(shown) else "LICENSE"
