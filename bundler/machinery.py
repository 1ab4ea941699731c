"""What is in every executable for one target whatever its models: launcher, runtime image, our code, their licences."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import NamedTuple

from bundler import app
from bundler.container import Part
from bundler.content import Content
from bundler.explain import components, licences
from bundler.explain.components import Kept
from bundler.fetch import Progress
from bundler.launcher import launcher
from bundler.runtime_image import RuntimeImage, runtime_image
from runtime.payload import RUNTIME_NAME
from runtime.version import VERSION


class Machinery(NamedTuple):
    """`parts`: our code, the page, and the runtime image; `licenses`: texts by their name below LICENSES/.

    facts: what the manifest tells about the image. version: of the lmfile that all this is. components: what it is
    made of, for the bill of materials.
    """

    launcher: Content
    parts: tuple[Part, ...]
    licenses: Mapping[str, bytes]
    facts: Mapping[str, object]
    unpacked_bytes: int
    version: str
    components: Kept


def made(target: str, progress: Progress) -> Machinery:
    """The machinery of this lmfile for `target`, built where the cache does not have it.

    Raises: UsageError for a target that cannot be built for; DownloadFailed; BuildFailed.
    """
    stub = launcher(target, progress)
    image = runtime_image(target, progress)
    texts, facts = licences.of_machinery(image), _facts(image)
    return Machinery(
        launcher=stub,
        parts=(*app.parts(progress), Part(RUNTIME_NAME, "runtime", image.archive)),
        licenses=texts,
        facts=facts,
        unpacked_bytes=image.unpacked_bytes,
        version=VERSION,
        components=components.of_machinery(facts, target, VERSION, texts),
    )


def _facts(image: RuntimeImage) -> dict[str, object]:
    facts = asdict(image)
    keys = ("sha256", "python", "glibc", "engine", "packages")
    return {key: facts[key] for key in keys} | {"unpacked": image.unpacked_bytes}
