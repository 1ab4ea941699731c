"""Makes a GGUF of a Hugging Face folder, and smaller GGUFs of large ones; `flow` keeps what `build` needs of it in the
cache."""

from collections.abc import Sequence
from pathlib import Path

from bundler.recipe import WantedModel
from bundler.sources.source import Located, Progress, Provenance, Source


def types() -> tuple[str, ...]:
    """The names of the types that a model can be quantised to, as llama-quantize has them."""
    from bundler.convert import kinds

    return kinds.names()


def planned(wanted: WantedModel, located: Located) -> Sequence[str]:
    """What `made` or `requantized` would do, a sentence for each step. Raises: UsageError for an unknown type."""
    from bundler.convert import flow

    return flow.planned(wanted, located)


def made(path: Path, wanted: WantedModel, provenance: Provenance, progress: Progress) -> tuple[Path, Provenance]:
    """The folder `path` as GGUF of the type wanted, else f16, in the cache; and what was done to it.

    Raises: what `convert.convert` and `quantize.quantize` raise; CacheBusy.
    """
    from bundler.convert import flow

    return flow.made(path, wanted, provenance, progress)


def requantized(source: Source, wanted: WantedModel, progress: Progress) -> tuple[Path, Provenance]:
    """A GGUF in the type wanted, in the cache; and what was done to it.

    Raises: what `quantize.quantize` raises; CacheBusy.
    """
    from bundler.convert import flow

    return flow.requantized(source, wanted, progress)
