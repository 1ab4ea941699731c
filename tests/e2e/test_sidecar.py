"""Weights beside the executable: every role answers from there, and a pair that is none says so at once."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import BUILD_LIMIT_S, BUILDER, PROJECT
from tests.questions import SEE, SEEN, TINY_MODEL
from tests.running import Done, run, sentence
from tests.serving import serving
from tests.synthetic_lora import synthetic_loras

NOT_FOUND, DAMAGED = 20, 30


def lmfile(*arguments: str | Path) -> Done:
    return run([sys.executable, "-m", "bundler", *arguments], env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S)


@pytest.fixture(scope="module")
def built(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model to chat, another one, one that guesses, and an adapter, all of them in `pair.weights`."""
    folder = shelf / "beside"
    folder.mkdir()
    [lora] = synthetic_loras(TINY_MODEL, tmp_path_factory.mktemp("lora"), 1)
    models = [str(TINY_MODEL), f"second={TINY_MODEL}", f"draft:guess={TINY_MODEL}"]
    done = lmfile("build", *models, "--adapter", f"ada={lora}", "--sidecar", "-o", folder / "pair")
    assert done.status == 0, done
    assert "`pair.weights`" in done.out
    return folder / "pair"


@pytest.fixture
def pair(built: Path, tmp_path: Path) -> Path:
    """A copy of both files."""
    shutil.copytree(built.parent, tmp_path / "beside")
    return tmp_path / "beside" / "pair"


def test_it_answers_from_beside(built: Path, env: dict[str, str]) -> None:
    assert sorted(path.name for path in built.parent.iterdir()) == ["pair", "pair.weights"]
    done = run([built, *SEE], env=env)
    assert (done.status, done.out) == (0, SEEN), done


def test_every_role_is_served(built: Path, env: dict[str, str]) -> None:
    with serving(built, "-t", "1", env=env) as server:
        assert {model["id"] for model in json.loads(server.get("/v1/models")[1])["data"]} >= {"second"}
        assert [each["name"] for each in json.loads(server.get("/lora-adapters")[1])] == ["ada"]
        for question in ({}, {"model": "second"}, {"lora": [{"id": 0, "scale": 1.0}]}):
            answer = server.post("/completion", {"prompt": "Hello", "n_predict": 2, **question})
            assert answer["stop"] is True


def test_both_may_be_renamed(pair: Path, env: dict[str, str]) -> None:
    pair.with_name("pair.weights").rename(pair.with_name("download (1).weights"))
    assert run([pair.rename(pair.with_name("other")), *SEE], env=env).out == SEEN


def test_what_it_says_of_itself(built: Path, env: dict[str, str], tmp_path: Path) -> None:
    told = json.loads(run([built, "--manifest"], env=env).out)
    assert told["sidecar"]["name"] == "pair.weights"
    assert told["sidecar"]["size"] == built.with_name("pair.weights").stat().st_size
    assert {member["role"] for member in told["members"] if member.get("aside")} == {"model", "adapter"}
    for done in (lmfile("verify", built), run([built, "--verify"], env=env)):
        assert (done.status, done.complaints) == (0, "")
        assert "every byte" in done.out
    assert "pair.weights" in lmfile("inspect", built).out
    assert lmfile("extract", built, "models", "-o", tmp_path).status == 0
    assert (tmp_path / "models" / "second.gguf").read_bytes() == TINY_MODEL.read_bytes()
    assert run(["unzip", "-tqq", built], env={"PATH": os.defpath}).status == 0


def test_without_its_weights(pair: Path, env: dict[str, str]) -> None:
    pair.with_name("pair.weights").unlink()
    said = sentence(run([pair, *SEE], env=env), NOT_FOUND)
    assert "`pair.weights`" in said
    assert str(pair.parent) in said
    assert lmfile("verify", pair).status == DAMAGED


def test_another_model_needs_no_weights_of_its_own(pair: Path, env: dict[str, str]) -> None:
    pair.with_name("pair.weights").unlink()
    with serving(pair, "-t", "1", "-m", str(TINY_MODEL), env=env) as server:
        assert len(json.loads(server.get("/v1/models")[1])["data"]) == 1
        assert "`pair.weights`" in server.running.err()


@pytest.mark.parametrize("how", ["cut", "empty", "another"])
def test_with_weights_that_are_not_its_own(how: str, pair: Path, env: dict[str, str]) -> None:
    weights = pair.with_name("pair.weights")
    if how == "another":
        assert lmfile("build", TINY_MODEL, "--sidecar", "-o", pair.with_name("next")).status == 0
        pair.with_name("next.weights").replace(weights)
    else:
        os.truncate(weights, weights.stat().st_size // 2 if how == "cut" else 0)
    assert f"`{weights}`" in sentence(run([pair, *SEE], env=env), DAMAGED)
    assert lmfile("verify", pair).status == DAMAGED


def test_a_flipped_bit_is_found_by_verify(pair: Path, env: dict[str, str]) -> None:
    weights = pair.with_name("pair.weights")
    with weights.open("r+b") as file:
        file.seek(200_000)
        [byte] = file.read(1)
        file.seek(200_000)
        file.write(bytes([byte ^ 1]))
    for done in (lmfile("verify", pair), run([pair, "--verify"], env=env)):
        assert done.status == DAMAGED
        assert "pair.weights: models/" in done.err
