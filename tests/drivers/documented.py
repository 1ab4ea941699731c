"""schemathesis reads /openapi.json and asks for everything in it, rightly and wrongly: no answer may be undocumented.

A refusal with 501 (not without a flag, not with this model) or 503 is an answer; any other status from 500 on is
a fault.
"""

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.serving import Server

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
CONFIGURATION = """\
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "501", "503"]
"""
LIMIT_S = 3000


@dataclass
class Documented:
    """How many requests were sent, and what schemathesis found."""

    sent: int = 0
    wrong: list[str] = field(default_factory=list)


def ask_everything(server: Server, n_examples: int, *, every_border: bool, seed: int = 1) -> Documented:
    """Send `n_examples` random requests to each address; `every_border`: and hundreds at the borders of its fields."""
    with TemporaryDirectory() as folder:
        configuration = Path(folder) / "schemathesis.toml"
        configuration.write_text(CONFIGURATION, encoding="utf-8")
        done = subprocess.run(
            _command(server, configuration, n_examples, seed, every_border),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    found = re.search(r"([0-9,]+) generated", done.stdout)
    result = Documented(sent=int(found[1].replace(",", "")) if found else 0)
    if done.returncode != 0:
        result.wrong = done.stdout.partition("= FAILURES =")[2].splitlines() or [done.stdout[-4000:], done.stderr]
    return result


def _command(server: Server, configuration: Path, n_examples: int, seed: int, every_border: bool) -> list[str]:
    program = Path(sys.executable).with_name("schemathesis")
    phases = "coverage,fuzzing" if every_border else "fuzzing"
    return [
        str(program), "--config-file", str(configuration), "run", f"{server.url}/openapi.json",
        "--checks", ",".join(CHECKS), "--phases", phases, "--max-examples", str(n_examples),
        "--seed", str(seed), "--continue-on-failure", "--request-timeout", "60",
    ]  # fmt: skip
