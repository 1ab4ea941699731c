"""A model to chat, one for vectors and one that ranks in one executable: each a worker, loaded on first use."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import BUILD_LIMIT_S, BUILDER, PROJECT
from tests.embedding_models import minilm_gguf, reranker_gguf
from tests.questions import TINY_MODEL
from tests.running import run
from tests.serving import Server, serving

EMBEDDER = minilm_gguf().stem
NAMES = ["trio", EMBEDDER, "order"]


@pytest.fixture(scope="module")
def trio(shelf: Path) -> Path:
    output = shelf / "trio"
    models = [str(minilm_gguf()), f"order={reranker_gguf()}", str(TINY_MODEL)]
    command = [sys.executable, "-m", "bundler", "build", *models, "-o", str(output), "--name", "trio"]
    done = run(command, env=BUILDER, cwd=PROJECT, timeout_s=BUILD_LIMIT_S)
    assert done.status == 0, done
    return output


@pytest.fixture
def server(trio: Path, env: dict[str, str]) -> Iterator[Server]:
    with serving(trio, "-t", "1", "--models-max", "2", env=env) as running:
        yield running


def statuses(server: Server) -> list[tuple[str, str]]:
    listed = json.loads(server.get("/v1/models")[1])["data"]
    return [(model["id"], model["status"]["value"]) for model in listed]


def test_each_answers_what_it_was_made_for(server: Server) -> None:
    assert statuses(server) == list(zip(NAMES, ["loaded", "unloaded", "unloaded"], strict=True))
    (vector,) = server.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "Hello"})["data"]
    assert len(vector["embedding"]) == 384
    assert statuses(server) == list(zip(NAMES, ["loaded", "loaded", "unloaded"], strict=True))
    ranked = server.post("/v1/rerank", {"query": "red apple", "documents": ["blue sky", "a red apple"]})
    assert [result["index"] for result in ranked["results"]] == [1, 0]
    assert sorted(status for _, status in statuses(server)) == ["loaded", "loaded", "unloaded"]
    assert server.post("/completion", {"model": "gpt-4o", "prompt": "Hello", "n_predict": 2})["model"] == "trio"
    assert server.post("/v1/embeddings", {"input": "Hello"})["data"] == [vector]


def test_the_death_of_one_is_nothing_to_the_others(server: Server) -> None:
    main = server.running.worker()
    server.post("/v1/embeddings", {"input": "Hello"})
    workers = [pid for pid, line in server.running.family().items() if "--worker" in line.split("\0")]
    (embedder,) = [pid for pid in workers if pid != main]
    os.kill(embedder, signal.SIGSEGV)
    assert server.post("/completion", {"prompt": "Hello", "n_predict": 2})["stop"] is True
    assert len(server.post("/v1/embeddings", {"input": "Hello"})["data"]) == 1
    assert server.running.worker() == main
