"""POST /infill: the order of the parts, and what is cut when they are too long."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import ModelFacts
from runtime.server.native.infill import fitted
from tests.runtime.server.live import FACTS, Live, ScriptedEngine

PRE, SUF, MID, REP, SEP, BOS = 901, 902, 903, 904, 905, 1
GAP = {"pre": PRE, "suf": SUF, "mid": MID}
PROJECT = {**GAP, "rep": REP, "sep": SEP}
BODY = {"input_prefix": "ab", "input_suffix": "yz"}


def knowing(infill: dict[str, int], **facts: Any) -> ModelFacts:
    return msgspec.structs.replace(FACTS, infill=infill, **facts)


@pytest.fixture
def filling(start: Callable[..., Live]) -> Callable[..., Live]:
    """Start a server whose model has these tokens."""

    def starter(infill: dict[str, int], **facts: Any) -> Live:
        return start(ScriptedEngine(facts=knowing(infill, **facts)), config=WorkerConfig(model_path=""))

    return starter


def asked(server: Live, **fields: object) -> Any:
    reply = server.post("/infill", {**BODY, **fields})
    assert reply.status == 200, reply.body
    return server.engine.asked[-1].prompt


def text(words: str) -> list[int]:
    return list(words.encode())


def test_the_gap(filling: Callable[..., Live]) -> None:
    server = filling(GAP)
    assert asked(server) == [PRE, *text("ab"), SUF, *text("yz"), MID]
    assert asked(server, prompt="cd") == [PRE, *text("abcd"), SUF, *text("yz"), MID]
    assert asked(server, input_prefix=[7, "b"], input_suffix="") == [PRE, 7, *text("b"), SUF, MID]


def test_a_model_that_begins_with_a_token(filling: Callable[..., Live]) -> None:
    server = filling(PROJECT, bos=BOS, adds_bos=True)
    assert asked(server)[-8:] == [BOS, PRE, *text("ab"), SUF, *text("yz"), MID]


def test_other_files_of_a_project(filling: Callable[..., Live]) -> None:
    extra = [{"text": "one", "filename": "a.py"}, {"text": "two"}]
    assert asked(filling(PROJECT), input_extra=extra) == [
        REP, *text("myproject\n"), SEP, *text("a.py\n"), *text("one"), SEP, *text("tmp\n"), *text("two"),
        SEP, *text("filename\n"), PRE, *text("ab"), SUF, *text("yz"), MID,
    ]  # fmt: skip
    snippet = text("\n\n--- snippet ---\n\n")
    assert asked(filling(GAP), input_extra=extra) == [
        *snippet, *text("one"), *snippet, *text("two"), PRE, *text("ab"), SUF, *text("yz"), MID,
    ]  # fmt: skip


def test_what_does_not_fit(filling: Callable[..., Live]) -> None:
    """A quarter of the batch is for the end, the rest for the beginning, and the context's rest for the project."""
    facts = knowing(PROJECT, n_ctx=100)
    prefix, suffix, project = list(range(60)), list(range(100, 160)), list(range(200, 400))
    prompt = fitted(facts, prefix, suffix, [7], project, n_batch=40, n_predict=10)
    kept = project[-40:]  # 100 - 40 - 2 * 10
    assert prompt == [*kept, PRE, *prefix[-30:], 7, SUF, *suffix[:7], MID]
    assert fitted(facts, prefix, suffix, [7], project, n_batch=40, n_predict=-1)[:60] == project[-60:]
    assert fitted(facts, prefix, suffix, [], project, n_batch=100, n_predict=10)[0] == PRE
    assert fitted(facts, [], suffix, [7] * 30, [], n_batch=40, n_predict=0) == [PRE, *[7] * 30, SUF, MID]


def test_the_answer_is_that_of_completion(filling: Callable[..., Live]) -> None:
    server = filling(GAP)
    whole = server.post("/infill", {**BODY, "n_predict": 5, "temperature": 0}).json()
    assert (whole["content"], whole["generation_settings"]["n_predict"]) == ("Hello there.", 5)
    streamed = server.post("/infill", {**BODY, "stream": True}).events()
    assert "".join(event["content"] for event in streamed) == "Hello there."


def test_a_model_that_cannot(server: Live) -> None:
    reply = server.post("/infill", BODY)
    assert reply.status == 501
    assert reply.json()["error"] == {
        "code": 501, "type": "not_supported_error",
        "message": "Infill is not supported by this model: prefix token is missing. suffix token is missing. "
        "middle token is missing.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"input_prefix": None}, "input_prefix"), ({"input_suffix": 7}, "input_suffix"), ({"prompt": [1]}, "prompt"),
        ({"input_extra": "x"}, "input_extra"), ({"input_extra": [{"filename": "a"}]}, "input_extra"),
        ({"input_extra": [{"text": "a", "filename": 7}]}, "input_extra"), ({"input_prefix": [1000]}, "input_prefix"),
    ],
)  # fmt: skip
def test_what_is_no_gap(filling: Callable[..., Live], fields: dict[str, object], field: str) -> None:
    server = filling(GAP)
    reply = server.post("/infill", {**BODY, **fields})
    assert (reply.status, server.engine.asked) == (400, [])
    assert field in reply.json()["error"]["message"]
