"""LoRAX's Python client, which needs an environment of its own, against the executable with a folder of adapters."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.adapters.voices import PIRATE
from tests.serving import serving


def test_lorax_client(executable: Path, env: Mapping[str, str], foreign: Callable[..., None]) -> None:
    with serving(executable, "-t", "1", "-c", "8192", "--lora-dir", str(PIRATE.parent), env=env) as server:
        foreign("litellm", "lorax_checks.py", LMFILE_URL=server.url)
