"""Models that Ollama has on this computer: a name as its manifest, and the blobs that this names.

The store is `OLLAMA_MODELS`, else `~/.ollama/models`: `manifests/HOST/NAMESPACE/MODEL/TAG` is JSON with layers,
each of a media type, and `blobs/sha256-HEX` are their bytes. Nothing in it is changed.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

HOST, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"
MEDIA_TYPE = "application/vnd.ollama.image."
MAX_MANIFEST_BYTES = MAX_TEXT_BYTES = 1 << 20
MAX_LAYERS = 256

_NAME = re.compile(
    r"(?:(?:(?P<host>[A-Za-z0-9.-]+(?::\d+)?)/)?(?P<namespace>[A-Za-z0-9_-][A-Za-z0-9_.-]*)/)?"
    r"(?P<model>[A-Za-z0-9_][A-Za-z0-9_.-]*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]*))?"
)
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")


class Missing(Exception):
    """Why there is no such model here, as a sentence's end behind its name."""


class Stored(NamedTuple):
    """One model of the store. Texts are empty where it has none; params: as JSON has them."""

    name: str
    model: Path
    projectors: tuple[Path, ...]
    adapters: tuple[Path, ...]
    template: str
    system: str
    licenses: tuple[str, ...]
    params: dict[str, Any]
    messages: tuple[Any, ...]


def is_name(text: str) -> bool:
    """Whether Ollama could know a model by this name."""
    return len(text) <= 300 and _NAME.fullmatch(text) is not None


def find(text: str) -> Stored:
    """The model called `text`, as Ollama writes names. Raises: Missing."""
    parts = _NAME.fullmatch(text)
    if parts is None:
        raise Missing("is no name of a model")
    folder = _folder()
    way = (parts["host"] or HOST, parts["namespace"] or NAMESPACE, parts["model"], parts["tag"] or TAG)
    manifest = folder.joinpath("manifests", *way)
    try:
        layers = _layers(_text(manifest, MAX_MANIFEST_BYTES))
        return _stored(folder, parts["model"], layers)
    except FileNotFoundError as error:
        raise Missing(f"is not in Ollama's store at `{folder}`") from error
    except OSError as error:
        raise Missing(f"cannot be read from Ollama's store at `{folder}`: {(error.strerror or '').lower()}") from error
    except (ValueError, RecursionError) as error:
        raise Missing(f"is damaged in Ollama's store at `{folder}`: {error}") from error


def _folder() -> Path:
    named = os.environ.get("OLLAMA_MODELS")
    return Path(named).expanduser() if named else Path("~/.ollama/models").expanduser()


def _layers(text: str) -> list[tuple[str, str, int]]:
    """Media type without what all have in common, digest and size of each layer. Raises: ValueError."""
    manifest = json.loads(text)
    layers = manifest.get("layers") if isinstance(manifest, dict) else None
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        raise ValueError("its manifest has no list of layers")
    found = []
    for layer in layers:
        kind, digest, size = (
            layer.get(key) if isinstance(layer, dict) else None for key in ("mediaType", "digest", "size")
        )
        match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
        if match is None or not isinstance(kind, str) or not isinstance(size, int):
            raise ValueError("its manifest has a layer without type, digest or size")
        found.append((kind.removeprefix(MEDIA_TYPE), match[1], size))
    return found


def _stored(folder: Path, name: str, layers: list[tuple[str, str, int]]) -> Stored:
    def blobs(*kinds: str) -> list[Path]:
        return [_blob(folder, digest, size) for kind, digest, size in layers if kind in kinds]

    def texts(*kinds: str) -> list[str]:
        return [_text(path, MAX_TEXT_BYTES) for path in blobs(*kinds)]

    models = blobs("model")
    if len(models) != 1:
        raise ValueError(f"it has {len(models)} files of weights in GGUF, and has to have one")
    params = json.loads(next(iter(texts("params")), "{}"))
    messages = json.loads(next(iter(texts("messages")), "[]"))
    if not isinstance(params, dict) or not isinstance(messages, list):
        raise ValueError("its parameters or messages are not such")
    return Stored(
        name=name,
        model=models[0],
        projectors=tuple(blobs("projector")),
        adapters=tuple(blobs("adapter")),
        template="".join(texts("template", "prompt")[-1:]),
        system="".join(texts("system")[-1:]),
        licenses=tuple(texts("license")),
        params=params,
        messages=tuple(messages),
    )


def _blob(folder: Path, digest: str, size: int) -> Path:
    path = folder / "blobs" / f"sha256-{digest}"
    if path.stat().st_size != size:
        raise ValueError(f"its blob {digest[:12]} is not complete; pull it again")
    return path


def _text(path: Path, limit: int) -> str:
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"`{path.name[:20]}` is longer than {limit:,} bytes")
    return data.decode()
