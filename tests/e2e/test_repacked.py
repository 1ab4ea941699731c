"""Weights from shards, a llamafile and an lmfile answer as the file they are of; a repacked executable, as it says."""

import json
import sys
from pathlib import Path

import pytest

from runtime.payload import Payload
from tests.conftest import BUILD_LIMIT_S, BUILDER, PROJECT
from tests.questions import SEE, SEEN, TINY_MODEL
from tests.running import Done, run
from tests.serving import serving
from tests.split_models import split
from tests.zipaligned import llamafile


def lmfile(*arguments: object) -> Done:
    done = run(
        [sys.executable, "-m", "bundler", *map(str, arguments)], env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S
    )
    assert done.status == 0, done
    return done


def sha256s(path: Path, role: str = "model") -> list[str]:
    return [member.sha256 for member in Payload.open(path).by_role(role)]


@pytest.mark.parametrize("kind", ["shards", "llamafile", "lmfile"])
def test_weights_from_elsewhere_answer_alike(kind: str, tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    sources = {
        "shards": lambda: split(TINY_MODEL, tmp_path, "tinyvlm", 12)[1],
        "llamafile": lambda: llamafile(
            tmp_path / "a.llamafile", {".args": b"-m\n/zip/m.gguf\n...\n", "m.gguf": TINY_MODEL.read_bytes()}
        ),
        "lmfile": lambda: tiny,
    }
    output = tmp_path / "out" / "again"
    lmfile("build", sources[kind](), "-o", output)
    assert sha256s(output) == sha256s(tiny)
    assert run([output, *SEE], env=env).out == SEEN
    lmfile("verify", output)


def test_a_repacked_executable(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    output = tmp_path / "mine"
    lmfile("repack", tiny, "-o", output, "--name", "Ada", "--greeting", "Ahoy", "--set", "temp=0", "--set", "seed=5")
    lmfile("verify", output)
    assert sha256s(output) == sha256s(tiny)
    assert run([output, *SEE], env=env).out == SEEN
    with serving(output, "-t", "1", env=env) as server:
        defaults = json.loads(server.get("/props")[1])["default_generation_settings"]["params"]
        assert (defaults["temperature"], defaults["seed"]) == (0, 5)
    kept = tmp_path / "kept"
    lmfile("repack", output, "-o", kept, "--runtime", "keep")
    assert kept.read_bytes() == output.read_bytes()


def test_repacked_with_its_weights_beside_it(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    output = tmp_path / "mine"
    lmfile("repack", tiny, "-o", output, "--sidecar")
    assert output.with_name("mine.weights").stat().st_size > TINY_MODEL.stat().st_size
    assert sha256s(output) == sha256s(tiny)
    assert run([output, *SEE], env=env).out == SEEN
    lmfile("repack", output, "-o", output, "--greeting", "Ahoy")
    lmfile("verify", output)
    assert run([output, *SEE], env=env).out == SEEN
    done = run([sys.executable, "-m", "bundler", "diff", tiny, output], env=BUILDER, cwd=PROJECT)
    assert done.status == 1
    assert "greeting" in done.out
