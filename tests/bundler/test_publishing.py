"""The release workflow and the Dockerfile: what they run exists, and what they take is pinned."""

import importlib
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundler import store
from bundler.commands import COMMANDS
from bundler.parsing import Parser

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build"
WORKFLOW: dict[str, Any] = yaml.safe_load((BUILD / "release.yml").read_text())
JOBS: dict[str, Any] = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
RUNS = [step["run"] for step in STEPS if "run" in step]
ACTION = re.compile(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
STAND_IN = "some-value"
"""For each variable of a shell."""


def instructions() -> Iterator[tuple[str, str]]:
    """The Dockerfile's, with their lines joined."""
    text = re.sub(r"^#.*\n", "", (BUILD / "Dockerfile").read_text(), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, " ".join(rest.split())


DOCKER = list(instructions())


def called(script: str, program: str) -> Iterator[list[str]]:
    """The arguments of each call of `program` in a shell script."""
    flat = script.replace("\\\n", " ")
    for command in re.split(r"\n|&&|\|\||;", flat):
        words = shlex.split(re.sub(r"\$\{?\w+\}?", STAND_IN, command), comments=True)
        for start in range(len(words)):
            if " ".join(words[start:]).startswith(program + " "):
                found = words[start + len(program.split()) :]
                yield found[: found.index(">")] if ">" in found else found
                break


def check_call(arguments: list[str]) -> None:
    name, *rest = arguments
    assert name in COMMANDS
    parser: Parser = importlib.import_module(f"bundler.commands.{name.replace('-', '_')}").parser()
    _, unknown = parser.parse_known_intermixed_args(rest)
    assert not unknown, arguments


def test_every_command_of_the_workflow_is_one_of_ours() -> None:
    calls = [call for run in RUNS for call in called(run, "python -m bundler")]
    assert {call[0] for call in calls} == {"doctor", "runtime", "build", "verify", "publish-notes"}
    assert {call[1] for call in calls if call[0] == "runtime"} == {"build", "export", "import"}
    for call in calls:
        check_call(call)


@pytest.mark.parametrize("script", RUNS)
def test_each_script_is_one_of_bash(script: str) -> None:
    assert "${{" not in script, "what others may write reaches a script as a variable alone"
    subprocess.run(["bash", "-n"], input=script, text=True, check=True, timeout=60)


def test_every_action_is_pinned_and_nothing_is_allowed_that_is_not_needed() -> None:
    lines = [line for line in (BUILD / "release.yml").read_text().splitlines() if "uses:" in line]
    assert len(lines) == len([step for step in STEPS if "uses" in step])
    assert all(ACTION.search(line) for line in lines)
    assert WORKFLOW["permissions"] == {}
    allowed = {name: job["permissions"] for name, job in JOBS.items()}
    assert allowed["images"] == {"contents": "read"}
    assert [name for name, rights in allowed.items() if rights["contents"] == "write"] == ["publish"]
    assert "secrets." not in (BUILD / "release.yml").read_text()
    assert all(job["timeout-minutes"] <= 90 for job in JOBS.values())
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_the_matrix_is_what_the_recipes_say() -> None:
    files = (store.build_dir() / "targets").glob("*.toml")
    made = sorted(file.stem for file in files if "engine" in tomllib.loads(file.read_text()))
    rows = JOBS["images"]["strategy"]["matrix"]["include"]
    assert sorted(row["target"] for row in rows) == made
    for row in rows:
        system = {"windows": "ubuntu", "linux": "ubuntu"}.get(row["target"].partition("-")[0], "macos")
        assert row["runner"].startswith(f"{system}-"), "each where its pinned compiler is"


def test_what_is_put_together_is_what_was_made() -> None:
    uploads = [step["with"] for step in STEPS if "upload-artifact" in step.get("uses", "")]
    downloads = [step["with"] for step in STEPS if "download-artifact" in step.get("uses", "")]
    assert uploads[0]["name"].startswith(downloads[0]["pattern"].rstrip("*"))
    assert uploads[1]["name"] == downloads[1]["name"]


def test_the_dockerfile_takes_pinned_things_and_ends_as_nobody() -> None:
    base = next(rest for name, rest in DOCKER if name == "ARG")
    assert re.fullmatch(r"BASE=python:[\w.-]+@sha256:[0-9a-f]{64}", base)
    stages = ["${BASE}"]
    for name, rest in DOCKER:
        if name == "FROM":
            source, _, stage = rest.partition(" AS ")
            assert source in stages
            stages.append(stage)
    assert [rest for name, rest in DOCKER if name == "USER"] == ["lmfile"]
    last = [name for name, _ in DOCKER][-4:]
    assert last == ["RUN", "WORKDIR", "ENTRYPOINT", "CMD"]
    assert json.loads(next(rest for name, rest in DOCKER if name == "ENTRYPOINT")) == ["lmfile"]
    assert "--require-hashes" in (BUILD / "Dockerfile").read_text()


def test_the_dockerfile_copies_what_there_is_and_what_is_not_left_out() -> None:
    copied = [rest.split()[0] for name, rest in DOCKER if name == "COPY"]
    kept = [line[1:] for line in (BUILD / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    for path in copied:
        assert (PROJECT / path).exists()
        assert path.split("/")[0] in kept
    assert {path.split("/")[0] for path in copied} == set(kept)


@pytest.mark.parametrize("script", [rest for name, rest in DOCKER if name == "RUN"])
def test_each_step_of_the_dockerfile_is_one_of_sh(script: str) -> None:
    script = re.sub(r"^(--\S+ )+", "", script)
    subprocess.run(["sh", "-n"], input=script, text=True, check=True, timeout=60)
    for call in called(re.sub(r"'[^']*'", "text", script), "lmfile"):
        if call[0] in COMMANDS:
            check_call(call)
