"""Clients of OpenAI's dialect with needs of their own: litellm, instructor, and those from npm."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.conftest import PROJECT
from tests.running import run

NPM = Path(__file__).parent / "npm"
LIMIT_S = 240


def test_litellm(foreign: Callable[..., None], server_url: str, minilm_url: str) -> None:
    # Else it fetches its table of prices first.
    offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    foreign("litellm", "litellm_checks.py", LMFILE_URL=server_url, LMFILE_EMBEDDING_URL=minilm_url, **offline)


def test_instructor(foreign: Callable[..., None], server_url: str) -> None:
    foreign("litellm", "instructor_checks.py", LMFILE_URL=server_url)


def test_npm(server_url: str, minilm_url: str) -> None:
    node = PROJECT / ".venv" / "clients" / "node" / "bin" / "node"
    checks = sorted(NPM.glob("*.test.mjs"))
    assert node.exists(), f"{node} is missing: run `make setup`"
    env = {"PATH": os.defpath, "LMFILE_URL": server_url, "LMFILE_EMBEDDING_URL": minilm_url}
    done = run([node, "--test", "--test-reporter=spec", *checks], env=env, cwd=NPM, timeout_s=LIMIT_S)
    assert done.status == 0, done.out + done.err
