"""`--bake`: the first answer of a fresh start, with most of its prompt computed when the executable was built."""

import sys
from pathlib import Path

import pytest

from runtime.payload import Payload
from tests.conftest import BUILDER, PROJECT
from tests.models import smollm2_gguf
from tests.running import Done, run, sentence
from tests.serving import serving

BUILD_LIMIT_S = 1200
SYSTEM = "You are a careful librarian of a small town by the sea. You answer in plain words. " * 14
QUESTION = "What is a river?"


def build(output: Path, *arguments: str) -> Done:
    command = ["-m", "bundler", "build", str(smollm2_gguf()), "-o", str(output), *arguments]
    return run([sys.executable, *command], env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S)


@pytest.fixture(scope="module")
def baked(shelf: Path) -> Path:
    done = build(shelf / "baked", "--system-prompt", SYSTEM, "--bake")
    assert done.status == 0, done
    return shelf / "baked"


def ask(file: Path, env: dict[str, str], *arguments: str) -> dict[str, object]:
    """The answer of a fresh start, and how much of its prompt was known."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
    with serving(file, "-t", "1", *arguments, env=env) as server:
        body = {"messages": messages, "temperature": 0, "max_tokens": 12}
        answer: dict[str, object] = server.post("/v1/chat/completions", body)
        return answer


def test_the_manifest_names_it(baked: Path) -> None:
    payload = Payload.open(baked)
    (state,) = payload.manifest.states
    member, model = payload.member(state.path), payload.member(state.model)
    assert member and member.role == "state" and member.offset % (1 << 16) == 0
    assert model and state.model_sha256 == model.sha256
    assert state.tokens > 200 and member.size > 20_000 * state.tokens


def test_the_first_answer_of_a_start_is_the_same_with_it(baked: Path, env: dict[str, str]) -> None:
    with_it, without = ask(baked, env), ask(baked, env, "-m", str(smollm2_gguf()))
    assert with_it["choices"] == without["choices"]
    known = [answer["timings"]["cache_n"] for answer in (with_it, without)]  # type: ignore[index]
    assert known[0] > 200 and known[1] == 0


def test_a_second_build_has_the_same_bytes(baked: Path, shelf: Path) -> None:
    assert build(shelf / "again", "--system-prompt", SYSTEM, "--bake").status == 0
    assert (shelf / "again").read_bytes() == baked.read_bytes()


def test_without_a_system_prompt_there_is_nothing_to_bake(shelf: Path) -> None:
    done = build(shelf / "nothing", "--bake")
    assert "leave out --bake" in sentence(done, 10)
    assert not (shelf / "nothing").exists()
