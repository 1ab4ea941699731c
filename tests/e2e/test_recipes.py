"""An Ollama Modelfile and a llamafile's `.args`, packed, give the same behaviour as their flags typed by hand."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BUILD_LIMIT_S, BUILDER, PROJECT
from tests.models import smollm2_gguf
from tests.running import run
from tests.serving import Server, serving

SYSTEM = "You are a helpful sailor. Answer in one short sentence."
QUESTIONS = ("What is the capital of France?", "Count from one to nine in words.")
FLAGS = {"--temp": "0.7", "--top-k": "20", "-s": "42", "-c": "2048", "-n": "24", "--repeat-penalty": "1.1"}
STOPS = ("five", "\n")
BY_HAND = [word for pair in FLAGS.items() for word in pair]
STOPPED = [word for text in STOPS for word in ("--stop", text)]
BEFORE = [
    {"role": "user", "content": "Hello, who are you?"},
    {"role": "assistant", "content": "Ahoy! I am a sailor."},
]
TEMPLATE = """\
{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
MODELFILE = f'''\
FROM {smollm2_gguf()}
# as a person writes it
system """{SYSTEM}"""
PARAMETER temperature 0.7
PARAMETER top_k 20
PARAMETER seed 42
PARAMETER num_ctx 2048
PARAMETER num_predict 24
PARAMETER repeat_penalty 1.1
PARAMETER stop five
PARAMETER stop "{chr(10)}"
TEMPLATE """{TEMPLATE}"""
MESSAGE user Hello, who are you?
MESSAGE assistant Ahoy! I am a sailor.
'''
ARGS = "\n".join(["-m", smollm2_gguf().name, *BY_HAND, "-sys", SYSTEM, "--chat-template", "chatml", "--nologo", "..."])
OWN = ("model_alias", "model_path", "build_info", "hardware", "messages", "chat_template", "chat_template_caps")
"""What the properties of two executables differ in."""


def built(recipe: Path, output: Path) -> Path:
    command = [sys.executable, "-m", "bundler", "build", str(recipe), "-o", str(output)]
    done = run(command, env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S)
    assert done.status == 0, done
    return output


@pytest.fixture(scope="module")
def of_modelfile(shelf: Path) -> Path:
    recipe = shelf / "Modelfile"
    recipe.write_text(MODELFILE)
    return built(recipe, shelf / "of-modelfile")


@pytest.fixture(scope="module")
def of_args(shelf: Path) -> Path:
    folder = shelf / "old"
    folder.mkdir()
    (folder / smollm2_gguf().name).symlink_to(smollm2_gguf())
    (folder / ".args").write_text(ARGS)
    return built(folder / ".args", shelf / "of-args")


@pytest.fixture(scope="module")
def by_hand(executable: Path, env: Mapping[str, str]) -> Iterator[Server]:
    flags = (*BY_HAND, *STOPPED, "-sys", SYSTEM, "--chat-template", "chatml", "-t", "1")
    with serving(executable, *flags, env=env) as server:
        yield server


def answer(server: Server, messages: list[dict[str, str]], **fields: Any) -> tuple[str, str]:
    """What it says, and why it ends."""
    choice = server.post("/v1/chat/completions", {"messages": messages, **fields})["choices"][0]
    return choice["message"]["content"], choice["finish_reason"]


def props(server: Server) -> dict[str, Any]:
    table = json.loads(server.get("/props")[1])
    return {key: value for key, value in table.items() if key not in OWN}


def test_a_modelfile_is_as_its_flags(of_modelfile: Path, by_hand: Server, env: Mapping[str, str]) -> None:
    system = {"role": "system", "content": SYSTEM}
    with serving(of_modelfile, "-t", "1", env=env) as packed:
        assert props(packed) == props(by_hand)
        assert json.loads(packed.get("/props")[1])["messages"] == BEFORE
        for question in QUESTIONS:
            asked = {"role": "user", "content": question}
            said = answer(packed, [system, asked])
            assert said == answer(by_hand, [system, *BEFORE, asked])
            assert not any(stop in said[0] for stop in STOPS)
            greedy = answer(packed, [asked], temperature=0, stop=["zzz"], max_tokens=40)
            assert greedy == answer(by_hand, [*BEFORE, asked], temperature=0, stop=["zzz"], max_tokens=40)


def test_args_are_as_its_flags(of_args: Path, executable: Path, env: Mapping[str, str]) -> None:
    typed = [*BY_HAND, "-sys", SYSTEM, "--chat-template", "chatml", "-t", "1"]
    for question, more in (
        (QUESTIONS[0], []),
        (QUESTIONS[1], ["--stop", "five"]),
        (QUESTIONS[1], ["-s", "7", "-n", "9"]),
    ):
        done = run([of_args, "-t", "1", "-p", question, *more], env=env)
        assert (done.status, done.complaints) == (0, "")
        assert done.out == run([executable, *typed, "-p", question, *more], env=env).out


def test_another_model_has_nothing_of_what_was_chosen_for_the_packed_one(
    of_args: Path, executable: Path, env: Mapping[str, str]
) -> None:
    typed = ["-m", smollm2_gguf(), "-t", "1", "--temp", "0", "-n", "12", "-p", QUESTIONS[0]]
    done = run([of_args, *typed], env=env)
    plain = run([executable, *typed, "--repeat-penalty", "1.1"], env=env)  # how to sample is not about the model
    assert (done.status, plain.status) == (0, 0)
    assert done.out == plain.out
    assert "flags: chat-template chatml, ctx-size 2048, " in run([of_args, "--version"], env=env).out
    page = run([of_args, "--help-all"], env=env).out
    assert "[2048]" in page
    assert "[0.7]" in page
