"""LoRAX's Python client, which needs an environment of its own, against the executable with a folder of adapters."""

from collections.abc import Callable


def test_lorax_client(voices_url: str, foreign: Callable[..., None]) -> None:
    foreign("litellm", "lorax_checks.py", LMFILE_URL=voices_url)
