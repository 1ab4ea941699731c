"""Adapters over HTTP: which there are, how a request chooses, and what no request can reach."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.adapters.catalogue import Wanted, encode
from runtime.engine.config import WorkerConfig
from tests.runtime.server.live import Live

CHAT, TEXT, NATIVE = "/v1/chat/completions", "/v1/completions", "/completion"
PATHS = [CHAT, TEXT, NATIVE]
BASE: dict[str, Any] = {"prompt": "x", "messages": [{"role": "user", "content": "x"}]}
WANTED = [Wanted("poet", "/adapters/poet.gguf"), Wanted("pirate", "/adapters/pirate.gguf", scale=0.0)]
CONFIG = WorkerConfig(model_path="", adapters=encode(WANTED))


@pytest.fixture
def server(start: Callable[..., Live]) -> Live:
    """A server with two adapters; only the first is applied where a request says nothing."""
    return start(config=CONFIG)


def post(server: Live, path: str, **fields: object) -> Any:
    reply = server.post(path, {**BASE, **fields})
    return server.engine.asked[-1].adapters if reply.status == 200 else reply.json()["error"]


CHOSEN: list[tuple[object, list[tuple[str, float]] | None]] = [
    (None, None),
    ([], []),
    ([{"id": 1, "scale": 0.5}], [("pirate", 0.5)]),
    ([{"name": "pirate", "scale": -1}, {"id": 0, "scale": 2}], [("poet", 2.0), ("pirate", -1.0)]),
    ([{"id": 0, "scale": 0}], []),
    ([{"id": 0, "scale": 100}], [("poet", 100.0)]),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("lora", "expected"), CHOSEN)
def test_a_request_chooses(server: Live, path: str, lora: object, expected: object) -> None:
    assert post(server, path, lora=lora) == expected


WRONG: list[tuple[object, str]] = [
    ("x", "`lora`: expected `array`"),
    ([{"scale": 1}], "`lora[0]`: expected either `id` or `name`."),
    ([{"id": 0, "name": "poet", "scale": 1}], "`lora[0]`: expected either `id` or `name`."),
    ([{"id": 0}], "`lora[0]`: object missing required field `scale`."),
    ([{"id": 2, "scale": 1}], "`lora[0]`: no adapter has the number 2; there are: 0 `poet`, 1 `pirate`."),
    ([{"id": 0, "scale": 1}, {"name": "nobody", "scale": 1}], "`lora[1]`: no adapter has the name `nobody`; there are"),
    ([{"name": "../../etc/passwd", "scale": 1}], "`lora[0]`: no adapter has the name `../../etc/passwd`"),
    ([{"name": "/adapters/poet.gguf", "scale": 1}], "`lora[0]`: no adapter has the name"),
    ([{"id": -1, "scale": 1}], "`lora[0].id`: expected `int` >= 0"),
    ([{"id": 10**30, "scale": 1}], "`lora[0].id`: expected `int`"),
    ([{"id": 0.5, "scale": 1}], "`lora[0].id`: expected `int`"),
    ([{"id": 0, "scale": 100.5}], "`lora[0].scale`: expected a number from -100 to 100."),
    ([{"id": 0, "scale": -(10**30)}], "`lora[0].scale`: expected a number from -100 to 100."),
    ([{"id": 0, "scale": "1"}], "`lora[0].scale`: expected `float`"),
    ([{"id": 0, "scale": None}], "`lora[0].scale`: expected `float`"),
    ([{"id": 0, "scale": 1}, {"name": "poet", "scale": 1}], "`lora[1]`: the adapter `poet` is named twice."),
    ([{"id": 0, "scale": 1}] * 65, "`lora`: expected `array` of length <= 64"),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("lora", "expected"), WRONG)
def test_wrong_adapters(server: Live, path: str, lora: object, expected: str) -> None:
    error = post(server, path, lora=lora)
    assert (error["code"], error["type"]) == (400, "invalid_request_error")
    assert error["message"].startswith(expected)
    assert server.engine.asked == []


@pytest.mark.parametrize("scale", ["NaN", "1e999", "-Infinity"])
def test_weights_that_are_no_numbers(server: Live, scale: str) -> None:
    reply = server.post(NATIVE, f'{{"prompt": "x", "lora": [{{"id": 0, "scale": {scale}}}]}}'.encode())
    assert reply.status == 400
    assert reply.json()["error"]["message"].startswith("`lora")
    assert server.engine.asked == []


def listed(server: Live) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get("/lora-adapters").json()
    return found


def test_which_there_are(server: Live) -> None:
    assert listed(server) == [
        {"id": 0, "name": "poet", "path": "/adapters/poet.gguf", "scale": 1.0, "task_name": "", "prompt_prefix": ""},
        {
            "id": 1,
            "name": "pirate",
            "path": "/adapters/pirate.gguf",
            "scale": 0.0,
            "task_name": "",
            "prompt_prefix": "",
        },
    ]


def test_without_any(start: Callable[..., Live]) -> None:
    server = start()
    assert listed(server) == []
    assert server.post("/lora-adapters", []).json() == {"success": True}
    error = post(server, NATIVE, lora=[{"id": 0, "scale": 1}])
    assert error["message"] == "`lora[0]`: no adapter has the number 0; there are: none at all."


def test_new_weights_for_requests_that_say_nothing(server: Live) -> None:
    assert server.post("/lora-adapters", [{"id": 1, "scale": 0.5}]).json() == {"success": True}
    assert [one["scale"] for one in listed(server)] == [0.0, 0.5]
    assert post(server, CHAT) == [("pirate", 0.5)]
    assert post(server, CHAT, lora=[]) == []
    assert post(server, CHAT, lora=[{"id": 0, "scale": 1}]) == [("poet", 1.0)]
    assert server.post("/lora-adapters", []).json() == {"success": True}
    assert post(server, CHAT) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "expected `array`, got `object`."),
        ([5], "`[0]`: expected `object`"),
        ([{"id": 9, "scale": 1}], "`[0]`: no adapter has the number 9"),
        ([{"id": 0, "scale": 1e6}], "`[0].scale`: expected a number"),
        ([{"id": 0, "scale": 1}, {"id": 0, "scale": 1}], "`[1]`: the adapter `poet` is named twice."),
    ],
)
def test_wrong_weights_change_nothing(server: Live, body: object, expected: str) -> None:
    reply = server.post("/lora-adapters", body)
    assert reply.status == 400
    assert reply.json()["error"]["message"].lower().startswith(expected)
    assert [one["scale"] for one in listed(server)] == [1.0, 0.0]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of adapters with one in it, and a link that leaves it."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "first.gguf").write_bytes(b"GGUF")
    (tmp_path / "outside.gguf").write_bytes(b"GGUF")
    (tmp_path / "inside" / "link.gguf").symlink_to(tmp_path / "outside.gguf")
    (tmp_path / "inside" / "pickled.bin").write_bytes(b"\x80\x04.")
    yield tmp_path / "inside"


def test_an_adapter_may_come_while_the_server_runs(start: Callable[..., Live], folder: Path) -> None:
    server = start(config=WorkerConfig(model_path="", lora_dir=str(folder)))
    assert [one["name"] for one in listed(server)] == ["first"]
    (folder / "second.gguf").write_bytes(b"GGUF")
    assert post(server, NATIVE, lora=[{"name": "second", "scale": 1}]) == [("second", 1.0)]
    for name in ("link", "outside", "../outside", "pickled", "pickled.bin", "first.gguf"):
        assert post(server, NATIVE, lora=[{"name": name, "scale": 1}])["code"] == 400


def test_a_folder_that_is_gone_ends_nothing(start: Callable[..., Live], tmp_path: Path) -> None:
    config = WorkerConfig(model_path="", adapters=encode(WANTED), lora_dir=str(tmp_path / "nowhere"))
    server = start(config=config)
    assert [one["name"] for one in listed(server)] == ["poet", "pirate"]
    assert post(server, CHAT, model="gpt-4o") is None
    assert post(server, CHAT, model="poet") == [("poet", 1.0)]


@pytest.mark.parametrize("path", [CHAT, TEXT])
def test_a_models_name_may_be_an_adapters(server: Live, path: str) -> None:
    assert post(server, path, model="pirate") == [("pirate", 1.0)]
    assert post(server, path, model="pirate", lora=[]) == [("pirate", 1.0)]
    assert post(server, path, model="tiny") is None
    error = post(server, path, model="pirate", lora=[{"id": 0, "scale": 1}])
    assert error["message"] == "`lora`: the model's name already stands for the adapter `pirate`."


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embedding", "/api/embed", "/v1/rerank"])
def test_an_adapter_changes_no_vectors(server: Live, path: str) -> None:
    refusal = server.post(path, {"model": "pirate", "input": "x", "query": "x", "documents": ["x"]})
    assert refusal.status == 400
    assert "the adapter `pirate` changes answers, not vectors" in str(refusal.json()["error"])


def test_adapters_are_listed_as_models(server: Live) -> None:
    models = server.get("/v1/models").json()["data"]
    assert [(one["id"], one.get("parent")) for one in models] == [("tiny", None), ("poet", "tiny"), ("pirate", "tiny")]
    assert server.get("/v1/models/pirate").json() == models[2]
    assert json.loads(server.get("/v1/models/nobody").body)["error"]["code"] == 404
