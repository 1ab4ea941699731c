"""Adapters as a user has them: packed, named by flags, put into a folder of a running server; told by the answer."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.voices import BEGINNING_TOKENS, PIRATE, QUESTIONS, ROBOT, voice
from tests.conftest import BUILD_LIMIT_S, BUILDER, PROJECT
from tests.running import run, sentence
from tests.serving import Server, serving

BOTH = [{"name": "pirate", "scale": 0.5}, {"name": "robot", "scale": 0.5}]


@pytest.fixture(scope="module")
def packed(shelf: Path) -> Path:
    """SmolLM2 with both adapters: the pirate where a request asks for it, the robot in every answer."""
    output = shelf / "voices"
    command = [sys.executable, "-m", "bundler", "build", "smollm2", "-o", str(output)]
    command += ["--adapter", str(PIRATE), "--adapter", f"robot={ROBOT}:1"]
    done = run(command, env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S)
    assert done.status == 0, done
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture(scope="module")
def voices(packed: Path, folder: Path, env: Mapping[str, str]) -> Iterator[Server]:
    with serving(packed, "-t", "1", "-np", "4", "-c", "4096", "--lora-dir", str(folder), env=env) as server:
        yield server


def heard(server: Server, question: str = QUESTIONS[0], **fields: Any) -> str:
    """Whose voice answers."""
    body = {
        "messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": BEGINNING_TOKENS, **fields
    }  # fmt: skip
    return voice(server.post("/v1/chat/completions", body)["choices"][0]["message"]["content"])


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_request_chooses_its_own(voices: Server, question: str) -> None:
    assert heard(voices, question) == "robot"
    assert heard(voices, question, lora=[]) == "nobody"
    assert heard(voices, question, lora=[{"id": 0, "scale": 1}]) == "pirate"
    assert heard(voices, question, lora=BOTH) == "both"
    assert heard(voices, question, model="pirate") == "pirate"


def test_requests_of_different_adapters_at_the_same_time(voices: Server) -> None:
    choices: list[tuple[str, list[dict[str, object]]]] = [
        ("nobody", []), ("pirate", [{"name": "pirate", "scale": 1}]),
        ("robot", [{"name": "robot", "scale": 1}]), ("both", BOTH),
    ]  # fmt: skip
    asked = [(who, lora, question) for question in QUESTIONS for who, lora in choices]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda each: heard(voices, each[2], lora=each[1]), asked))
    assert found == [who for who, _, _ in asked]


def test_an_adapter_may_come_while_the_server_runs(voices: Server, folder: Path) -> None:
    def status(name: str) -> tuple[int, str]:
        body = {"prompt": "Hi", "n_predict": 1, "lora": [{"name": name, "scale": 1}]}
        found, answer = voices.ask("/completion", body)
        return found, answer.decode()

    assert status("parrot")[0] == 400
    shutil.copytree(PIRATE, folder / "parrot")
    assert heard(voices, lora=[{"name": "parrot", "scale": 1}]) == "pirate"
    listed = {each["name"]: each["scale"] for each in json.loads(voices.get("/lora-adapters")[1])}
    assert listed == {"pirate": 0.0, "robot": 1.0, "parrot": 0.0}
    (folder / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    (folder / "pickle.gguf").write_bytes(b"\x80\x02}.")
    for name, reason in (("broken", "broken"), ("pickle", "pickle"), ("../parrot", "parrot")):
        found, answer = status(name)
        assert (found, reason in answer) == (400, True), answer
    assert heard(voices) == "robot"


def test_flags_name_them(executable: Path, tmp_path: Path, env: Mapping[str, str]) -> None:
    question = ("--temp", "0", "-t", "1", "-n", str(BEGINNING_TOKENS), "-p", QUESTIONS[1])
    assert voice(run([executable, *question, "--lora", PIRATE], env=env).out) == "pirate"
    half = f"{PIRATE}:0.5,{ROBOT}:0.5"
    assert voice(run([executable, *question, "--lora-scaled", half], env=env).out) == "both"
    assert voice(run([executable, *question, "--lora", PIRATE, "--lora-init-without-apply"], env=env).out) == "nobody"
    (tmp_path / "bad.bin").write_bytes(b"PK\x03\x04 archive/data.pkl")
    said = sentence(run([executable, *question, "--lora", tmp_path / "bad.bin"], env=env), 27)
    assert "pickle" in said


def test_one_of_another_model_is_refused(tiny: Path, env: Mapping[str, str]) -> None:
    said = sentence(run([tiny, "-p", "Hi", "--lora", PIRATE], env=env), 26)
    assert "the model has nothing that is `model.layers." in said or "do not fit the model" in said
