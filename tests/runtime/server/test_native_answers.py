"""Every answer of llama.cpp's routes is the record that documents it: no field more, none less."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import (
    Embed,
    Embedded,
    Inspect,
    Ranked,
    Render,
    Rendered,
    Rerank,
    SlotAction,
    SlotDone,
    SlotState,
    State,
    Terminal,
)
from runtime.server import app, native
from runtime.server.completed import Completion
from runtime.server.native.slots import Done
from tests.runtime.server.live import FACTS, Live, ScriptedEngine, silence
from tests.runtime.server.test_openai import probable

BUSY = SlotState(slot=1, request=7, n_prompt=100, n_computed=40, n_predicted=3)
INFILL = {"input_prefix": "a", "input_suffix": "b"}

GOOD: list[tuple[str, str, object]] = [
    ("POST", "/completion", {"prompt": "x"}),
    ("POST", "/completion", {"prompt": ["x", "y"], "n": 2, "return_tokens": True, "logit_bias": [[5, False], [6, 1]]}),
    ("POST", "/completion", {"prompt": "x", "n_probs": 2}),
    ("POST", "/completion", {"prompt": "x", "n_probs": 2, "post_sampling_probs": True}),
    ("POST", "/completion", {"prompt": "x", "grammar": 'root ::= "a"', "grammar_lazy": True, "grammar_triggers": [
        {"type": 0, "value": "", "token": 5}, {"type": 1, "value": "w"}, {"type": 2, "value": "p"}]}),
    ("POST", "/infill", INFILL),
    ("POST", "/tokenize", {"content": "aé"}),
    ("POST", "/tokenize", {"content": "aé", "with_pieces": True}),
    ("POST", "/apply-template", {"messages": [{"role": "user", "content": "x"}]}),
    ("POST", "/detokenize", {"tokens": [104]}),
    ("POST", "/embedding", {"content": "a"}),
    ("POST", "/embedding", {"input": "a"}),
    ("POST", "/embeddings", {"input": ["a", "b"], "encoding_format": "base64"}),
    ("POST", "/v1/rerank", {"query": "q", "documents": ["a", "b"], "return_documents": True}),
    ("POST", "/v1/rerank", {"query": "q", "texts": ["a", "b"], "return_text": True}),
    ("GET", "/props", None),
    ("GET", "/slots", None),
    ("GET", "/lora-adapters", None),
    ("POST", "/lora-adapters", []),
    ("GET", "/health", None),
]  # fmt: skip


def answers(request: Any) -> Terminal:
    """An engine that knows an answer to everything."""
    vectors = [[struct.pack("<64f", *[0.5] * 64)]]
    if isinstance(request, Embed):
        return Embedded(id=request.id, vectors=vectors * len(request.inputs), n_tokens=[1] * len(request.inputs))
    if isinstance(request, Rerank):
        return Ranked(id=request.id, scores=[0.5] * len(request.documents), n_tokens=2)
    if isinstance(request, Render):
        return Rendered(id=request.id, prompt="p", n_tokens=1)
    if isinstance(request, SlotAction):
        return SlotDone(id=request.id, n_tokens=84, n_bytes=14_309, took_ms=49.5)
    if isinstance(request, Inspect):
        return State(
            id=request.id, slots=[SlotState(slot=0), BUSY], n_waiting=0, n_cells=0, n_sequences=0, adapters=[],
            n_steps=0, n_threads=1,
        )  # fmt: skip
    return silence(request)


@pytest.fixture(scope="module")
def able(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server whose model can do everything."""
    infill = {"pre": 901, "suf": 902, "mid": 903}
    facts = msgspec.structs.replace(FACTS, infill=infill, reranks=True, embeds=True, pooling="mean", tool_template="t")
    engine = ScriptedEngine(facts=facts, answers=answers, script=probable)
    server = Live(engine, WorkerConfig(model_path=""), slot_dir=tmp_path_factory.mktemp("slots"))
    yield server
    server.close()


@pytest.mark.parametrize(("method", "path", "body"), GOOD, ids=[f"{path} {body}" for _, path, body in GOOD])
def test_an_answer_is_its_record(able: Live, method: str, path: str, body: object) -> None:
    route = next(one for one in app.ROUTES if one.method == method and path in one.paths)
    answer = able.request(method, path, body).json()
    check(answer, route.answer)
    if route.answer is native.COMPLETIONS:
        check(answer, Completion | list[Completion])


def test_chosen_fields_are_of_the_record(able: Live) -> None:
    fields = {"response_fields": ["content", "stop"]}
    check(able.post("/completion", {"prompt": "x", **fields}).json(), native.COMPLETIONS)


@pytest.mark.parametrize("action", ["save", "restore", "erase"])
def test_what_is_done_with_a_slot(able: Live, action: str) -> None:
    Path(able.options.slot_dir or "", "a").touch()
    check(able.post(f"/slots/0?action={action}", {"filename": "a"}).json(), Done)


def test_the_last_event_of_a_stream_is_a_whole_answer(able: Live) -> None:
    check(able.post("/completion", {"prompt": "x", "stream": True}).events()[-1], Completion)


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}), ("/v1/completions", {"prompt": "x"})],
)
def test_openais_answers_hold_it_when_verbose(able: Live, path: str, body: dict[str, object]) -> None:
    whole = able.post(path, {**body, "verbose": True, "return_tokens": True, "seed": 5}).json()["__verbose"]
    check(whole, Completion)
    assert (whole["content"], whole["tokens"], whole["generation_settings"]["stream"]) == ("Hello", [9, 9], False)
    last = able.post(path, {**body, "verbose": True, "stream": True}).events()[-1]["__verbose"]
    check(last, Completion)
    assert (last["content"], last["tokens"], last["generation_settings"]["stream"]) == ("", [], True)


def test_every_route_with_an_answer_is_asked() -> None:
    asked = {(method, path) for method, path, _ in GOOD}
    for route in native.ROUTES:
        is_asked = any((route.method, path) in asked for path in route.paths)
        assert is_asked or route.paths == ("/slots/{id}",) or (route.method, route.paths) == ("POST", ("/props",))


def check(answer: object, kind: Any) -> None:
    """That the answer has each field of the record, and no other."""
    assert json.loads(msgspec.json.encode(msgspec.convert(answer, kind))) == answer


class Record(msgspec.Struct):
    """Of one field."""

    a: int


@pytest.mark.parametrize("wrong", [{"a": 1, "b": 2}, {"b": 2}, {"a": "1"}])
def test_a_record_that_is_another_is_noticed(wrong: object) -> None:
    with pytest.raises((AssertionError, msgspec.ValidationError)):
        check(wrong, Record)
