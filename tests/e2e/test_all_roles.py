"""A model to chat, one for vectors, one that ranks, two adapters and a projector in one file: all answer at once."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tests.adapters.voices import BEGINNING_TOKENS, PIRATE, QUESTIONS, ROBOT, voice
from tests.conftest import BUILD_LIMIT_S, BUILDER, PROJECT
from tests.embedding_models import minilm_gguf, reranker_gguf
from tests.gguf_writer import STRING, U32, gguf
from tests.running import run
from tests.serving import Server, serving

EYES = {"general.architecture": (STRING, "clip"), "general.type": (STRING, "mmproj"), "general.file_type": (U32, 0)}
"""A projector of pictures: packed and listed, and nothing that this engine would load."""


@pytest.fixture(scope="module")
def everything(shelf: Path) -> Path:
    output, eyes = shelf / "everything", shelf / "eyes.gguf"
    eyes.write_bytes(gguf({**EYES}, [("v.patch_embd.weight", (8, 8), 0)]))
    models = [f"mmproj:{eyes}", str(minilm_gguf()), f"order={reranker_gguf()}", "smollm2"]
    voices = ["--adapter", str(PIRATE), "--adapter", str(ROBOT)]
    command = [sys.executable, "-m", "bundler", "build", *models, *voices, "-o", str(output), "--name", "everything"]
    done = run(command, env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S)
    assert done.status == 0, done
    return output


@pytest.fixture(scope="module")
def server(everything: Path, env: Mapping[str, str]) -> Iterator[Server]:
    with serving(everything, "-t", "1", "-np", "4", "-c", "4096", env=env) as running:
        yield running


def chats(server: Server, model: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": QUESTIONS[0]}], "temperature": 0}
    answer = server.post("/v1/chat/completions", {**body, "max_tokens": BEGINNING_TOKENS})
    return voice(answer["choices"][0]["message"]["content"])


def embeds(server: Server) -> list[float]:
    vector: list[float] = server.post("/v1/embeddings", {"input": "a red apple"})["data"][0]["embedding"]
    return vector


def ranks(server: Server) -> list[int]:
    asked = {"query": "red apple", "documents": ["blue sky", "a red apple", "an apple"]}
    return [result["index"] for result in server.post("/v1/rerank", asked)["results"]]


def test_all_roles_answer_at_once(server: Server) -> None:
    asks: list[tuple[Callable[[], Any], Any]] = [
        (lambda: chats(server, "everything"), "nobody"),
        (lambda: chats(server, "pirate"), "pirate"),
        (lambda: chats(server, "robot"), "robot"),
        (lambda: len(embeds(server)), 384),
        (lambda: ranks(server)[0], 1),
    ]
    together = Barrier(len(asks))

    def ask(one: Callable[[], Any]) -> list[Any]:
        answers = []
        for _ in range(3):
            together.wait(60)
            answers.append(one())
        return answers

    with ThreadPoolExecutor(len(asks)) as pool:
        answers = list(pool.map(ask, [one for one, _ in asks]))
    assert answers == [[expected] * 3 for _, expected in asks]
    statuses = {model["id"]: model["status"]["value"] for model in json.loads(server.get("/v1/models")[1])["data"]}
    assert {statuses[name] for name in ("everything", minilm_gguf().stem, "order")} == {"loaded"}


def test_pictures_are_not_promised(server: Server) -> None:
    props = json.loads(server.get("/props")[1])
    assert props["modalities"] == {"vision": False, "video": False, "audio": False}
    listed = [model["id"] for model in json.loads(server.get("/v1/models")[1])["data"]]
    assert "eyes" not in listed
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    status, said = server.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": [picture]}]})
    assert status == 400, said


def test_inspect_names_them_all(everything: Path) -> None:
    command = [sys.executable, "-m", "bundler", "inspect", str(everything)]
    page = run(command, env=BUILDER, cwd=PROJECT).out
    for name in ("SmolLM2", minilm_gguf().stem, "order", "pirate", "robot", "eyes"):
        assert name in page, page
    table = json.loads(run([*command, "--json"], env=BUILDER, cwd=PROJECT).out)
    assert [model["role"] for model in table["models"]] == ["chat", "embed", "rerank", "mmproj"]
    assert [adapter["name"] for adapter in table["adapters"]] == ["pirate", "robot"]
