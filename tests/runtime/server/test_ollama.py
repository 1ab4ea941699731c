"""Ollama's dialect over a scripted engine: what is asked of the engine, and how its clients are told."""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import (
    Delta,
    Embed,
    Embedded,
    Event,
    Failed,
    Finished,
    Generate,
    Render,
    Rendered,
    Started,
    Terminal,
    Tokenize,
    Tokenized,
    TokenProbability,
)
from runtime.engine.routing import ModelEntry
from runtime.server.ollama.answers import in_future
from runtime.server.ollama.chat import ChatAnswer
from runtime.server.ollama.generate import GenerateAnswer
from runtime.server.ollama.turns import MessageField, turns
from tests.gguf_writer import STRING, TINY, gguf
from tests.runtime.server.live import FACTS, TIMINGS, Live, Reply, ScriptedEngine, fail, say

CHAT, GENERATE, EMBED = "/api/chat", "/api/generate", "/api/embed"
HI: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}


@dataclass
class Unloadable(ScriptedEngine):
    """An engine that can be unloaded and loaded again."""

    n_unloads: int = 0

    async def unload(self) -> None:
        self.n_unloads += 1
        self.state, self.can_load = "unloaded", True

    async def load(self) -> None:
        self.state, self.can_load = "ready", False


@pytest.fixture
def words(server: Live) -> Live:
    """A server whose engine also counts letters for tokens."""
    server.engine.answers = answers
    return server


def answers(question: Any) -> Terminal:
    if isinstance(question, Tokenize):
        text = str(question.content)
        return Tokenized(id=question.id, tokens=[ord(letter) % 1000 for letter in text], pieces=[b""] * len(text))
    if isinstance(question, Render):
        return Rendered(id=question.id, prompt="<s>[turn]", n_tokens=9)
    if isinstance(question, Embed):
        return Embedded(id=question.id, vectors=[[bytes(4 * FACTS.n_embd)] for _ in question.inputs], n_tokens=[2])
    return Failed(id=question.id, kind="internal", message="Nothing is scripted.")


def lines(reply: Reply) -> list[Any]:
    assert reply.status == 200, reply.body
    assert reply.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in reply.body.decode("ascii").splitlines()]


def test_a_chat_is_streamed_unless_it_is_said_otherwise(server: Live) -> None:
    *pieces, last = lines(server.post(CHAT, HI))
    assert [piece["message"] for piece in pieces] == [
        {"role": "assistant", "content": word} for word in ("Hello", " there", ".")
    ]
    assert all(piece["done"] is False and piece["model"] == "tiny" for piece in pieces)
    assert last["message"] == {"role": "assistant", "content": ""}
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert (last["prompt_eval_count"], last["eval_count"]) == (5, 3)
    assert (last["prompt_eval_duration"], last["eval_duration"]) == (4_000_000, 10_000_000)
    assert last["total_duration"] >= last["load_duration"] >= 0
    whole = server.post(CHAT, {**HI, "stream": False}).json()
    assert whole["message"] == {"role": "assistant", "content": "Hello there."}
    assert set(whole) == set(last)


def test_curl_without_a_content_type(server: Live) -> None:
    body = json.dumps(HI).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*", "User-Agent": "curl/8"}
    assert lines(server.request("POST", CHAT, body, headers))[-1]["done"] is True


def test_what_the_engine_is_asked(server: Live) -> None:
    options = {
        "num_predict": 7, "num_keep": 3, "seed": 5, "temperature": 0.5, "top_k": 9, "top_p": 0.5, "min_p": 0.1,
        "typical_p": 0.9, "repeat_last_n": 8, "repeat_penalty": 1.5, "presence_penalty": 0.5,
        "frequency_penalty": 0.25, "stop": ["END"], "num_ctx": 4096, "num_gpu": 1, "main_gpu": 0, "num_thread": 2,
        "num_batch": 8, "use_mmap": True, "draft_num_predict": 4, "unknown": {},
    }  # fmt: skip
    lines(server.post(CHAT, {**HI, "options": options}))
    asked = server.engine.asked[0]
    assert (asked.max_tokens, asked.n_keep, asked.n_draft, asked.stop) == (7, 3, 4, ["END"])
    sampling = asked.sampling
    for name in ("seed", "temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n", "repeat_penalty"):
        assert getattr(sampling, name) == options[name], name
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (0.5, 0.25)
    lines(server.post(CHAT, {**HI, "options": {"num_predict": 7.0, "top_k": 9.0, "seed": 5.0, "num_ctx": 8192.0}}))
    again = server.engine.asked[-1]
    assert (again.max_tokens, again.sampling.top_k, again.sampling.seed) == (7, 9, 5)
    for limit in (-2, -1, 0):
        lines(server.post(CHAT, {**HI, "options": {"num_predict": limit}}))
        assert server.engine.asked[-1].max_tokens == -1


def test_the_turns_of_a_conversation_with_tools() -> None:
    calls = [{"function": {"name": name, "arguments": {"x": 1}}} for name in ("add", "mul")]
    messages = [
        {"role": "User", "content": "Calculate", "images": []},
        {"role": "assistant", "thinking": "Hm.", "tool_calls": calls},
        {"role": "tool", "tool_name": "mul", "content": "2"},
        {"role": "tool", "content": "1"},
    ]
    user, turn, mul, add = turns(msgspec.convert(messages, list[MessageField]))
    assert user == {"role": "user", "content": "Calculate"}
    assert turn["reasoning_content"] == "Hm."
    called: Any = turn["tool_calls"]
    assert [one["function"] for one in called] == [{"name": n, "arguments": {"x": 1}} for n in ("add", "mul")]
    assert (mul["tool_call_id"], mul["name"]) == (called[1]["id"], "mul")
    assert (add["tool_call_id"], add["name"]) == (called[0]["id"], "add")
    assert all(len(one["id"]) == 9 and one["id"].isalnum() for one in called)


def test_a_turn_that_the_assistant_has_begun_is_continued(server: Live) -> None:
    lines(server.post(CHAT, {**HI, "messages": [*HI["messages"], {"role": "assistant", "content": "He"}]}))
    chat = server.engine.asked[0].chat
    assert chat is not None
    assert (len(chat.messages), chat.prefill) == (1, "He")


QWEN = "{%- for tool in tools %}<tool_call>{% endfor %}{% if enable_thinking is false %}<think></think>{% endif %}"
"""What tells of a family: how it calls and thinks."""


@pytest.fixture
def thinker(start: Callable[..., Live]) -> Live:
    """A model that thinks, and calls two tools; its words come in pieces that end anywhere."""
    text = (
        '<think>\nAdd, then multiply.\n</think>\n\nWait.<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": [2]}}'
        '\n</tool_call>\n<tool_call>\n{"name": "mul", "arguments": {}}\n</tool_call>'
    )
    pieces = [text[place : place + 5] for place in range(0, len(text), 5)]
    facts = msgspec.structs.replace(FACTS, chat_template=QWEN)
    return start(ScriptedEngine(script=say(*pieces), facts=facts))


TOOLS = [{"type": "function", "function": {"name": name, "description": "", "parameters": {"type": "object"}}}
         for name in ("add", "mul")]  # fmt: skip
CALLED = [
    {"index": 0, "name": "add", "arguments": {"a": 1, "b": [2]}},
    {"index": 1, "name": "mul", "arguments": {}},
]


def test_calls_come_whole_and_thoughts_apart(thinker: Live) -> None:
    whole = thinker.post(CHAT, {**HI, "tools": TOOLS, "stream": False}).json()
    message = whole["message"]
    assert message["thinking"].strip() == "Add, then multiply."
    assert message["content"].strip() == "Wait."
    assert [call["function"] for call in message["tool_calls"]] == CALLED
    assert all(call["id"] for call in message["tool_calls"])
    assert whole["done_reason"] == "stop"
    parts = [line["message"] for line in lines(thinker.post(CHAT, {**HI, "tools": TOOLS}))]
    assert "".join(part.get("thinking", "") for part in parts) == message["thinking"]
    assert "".join(part["content"] for part in parts) == message["content"]
    assert [call["function"] for part in parts for call in part.get("tool_calls", [])] == CALLED
    assert all(len(part["tool_calls"]) == 1 for part in parts if "tool_calls" in part)


def test_answers_are_what_their_records_say(thinker: Live) -> None:
    thinker.engine.answers = answers
    for path, kind in ((CHAT, ChatAnswer), (GENERATE, GenerateAnswer)):
        body = {**HI, "prompt": "Hi", "tools": TOOLS}
        told = [thinker.post(path, {**body, "stream": False}).json(), *lines(thinker.post(path, body))]
        for one in told:
            assert same(msgspec.to_builtins(msgspec.convert(one, kind)), one), one


def same(recorded: Any, told: Any) -> bool:
    """Whether nothing was told that is not recorded; what is recorded and absent is the default."""
    if isinstance(told, dict):
        return all(same(recorded[key], value) if key in recorded else value is None for key, value in told.items())
    if isinstance(told, list):
        return all(map(same, recorded, told))
    return bool(recorded == told)


@pytest.mark.parametrize(("think", "told"), [(None, None), (True, True), (False, False), ("high", True)])
def test_whether_it_thinks(thinker: Live, think: object, told: bool | None) -> None:
    for path, body in ((CHAT, HI), (GENERATE, {"prompt": "Hi"})):
        thinker.engine.answers = answers
        assert thinker.post(path, {**body, "think": think, "stream": False}).status == 200
        chat = thinker.engine.asked[-1].chat
        assert chat is not None
        assert chat.values.get("enable_thinking") is told
        assert chat.values.get("reasoning_effort") == (think if isinstance(think, str) else None)


def test_a_call_that_was_cut_off_is_not_told(thinker: Live) -> None:
    thinker.engine.script = say('<tool_call>\n{"name": "add", "arguments": {"a": ', reason="length")
    *_, last = lines(thinker.post(CHAT, {**HI, "tools": TOOLS}))
    assert last["done_reason"] == "length"
    whole = thinker.post(CHAT, {**HI, "tools": TOOLS, "stream": False}).json()
    assert "tool_calls" not in whole["message"]


@pytest.mark.parametrize(
    ("wanted", "kind"), [("json", "json"), ({"type": "object"}, "json_schema"), ("", None), (None, None)]
)
def test_the_form_of_an_answer(server: Live, wanted: object, kind: str | None) -> None:
    lines(server.post(CHAT, {**HI, "format": wanted}))
    grammar = server.engine.asked[0].grammar
    assert (grammar.kind if grammar else None) == kind


def test_likelihoods(server: Live) -> None:
    other = TokenProbability(id=2, token="Ho", bytes=[72, 111], logprob=-2.0)
    drawn = TokenProbability(id=1, token="Hi", bytes=[72, 105], logprob=-0.5, top_logprobs=[other, other])

    def script(request: Generate) -> Iterable[Event | float]:
        yield Started(id=request.id, prompt="", n_prompt=1, n_cached=0)
        yield Delta(id=request.id, text="Hi", tokens=[1], probabilities=[drawn])
        yield Finished(id=request.id, reason="length", timings=TIMINGS, seed=1)

    server.engine.script = script
    told = {
        "token": "Hi", "logprob": -0.5, "bytes": [72, 105],
        "top_logprobs": [{"token": "Ho", "logprob": -2.0, "bytes": [72, 111]}],
    }  # fmt: skip
    first, last = lines(server.post(CHAT, {**HI, "logprobs": True, "top_logprobs": 1}))
    assert first["logprobs"] == [told]
    assert last["done_reason"] == "length"
    assert server.engine.asked[0].n_probs == 1
    assert server.post(CHAT, {**HI, "stream": False, "logprobs": True}).json()["logprobs"] == [
        {**told, "top_logprobs": []}
    ]


def test_a_prompt_is_a_turn_and_its_answer_can_be_gone_on_from(words: Live) -> None:
    whole = words.post(GENERATE, {"prompt": "Hi", "system": "Be kind.", "stream": False}).json()
    assert whole["response"] == "Hello there."
    assert whole["context"] == [*(ord(letter) % 1000 for letter in "<the prompt>"), 0, 1, 2]
    chat = words.engine.asked[0].chat
    assert chat is not None
    assert [message["role"] for message in chat.messages] == ["system", "user"]
    *pieces, last = lines(words.post(GENERATE, {"prompt": "More", "context": [4, 5]}))
    assert "".join(piece["response"] for piece in pieces) == "Hello there."
    assert (last["response"], last["done"], last["context"][-3:]) == ("", True, [0, 1, 2])
    assert words.engine.asked[1].prompt == [4, 5, "<s>[turn]"]


def test_what_begins_all_prompts_stands_once(start: Callable[..., Live]) -> None:
    facts = msgspec.structs.replace(FACTS, adds_bos=True, bos=1)
    server = start(ScriptedEngine(answers=answers, facts=facts))
    assert server.post(GENERATE, {"prompt": "More", "context": [1, 5], "stream": False}).status == 200
    assert server.engine.asked[0].prompt == [1, 5, "[turn]"]
    asked = server.engine.singles[-1]
    assert isinstance(asked, Tokenize)
    assert asked.add_special, "the prompt that the engine told of has it as a token only"


def test_a_raw_prompt_is_continued_as_it_is(words: Live) -> None:
    whole = words.post(GENERATE, {"prompt": "1, 2,", "raw": True, "stream": False}).json()
    assert words.engine.asked[0].prompt == "1, 2,"
    assert "context" not in whole


def test_a_gap_is_filled_by_models_that_can(start: Callable[..., Live]) -> None:
    refusal = start().post(GENERATE, {"model": "x", "prompt": "a", "suffix": "b"})
    assert (refusal.status, refusal.json()) == (400, {"error": '"x" does not support insert'})
    names_of_files = msgspec.structs.replace(FACTS, infill={"rep": 1, "sep": 2})
    refusal = start(ScriptedEngine(facts=names_of_files)).post(GENERATE, {"model": "x", "prompt": "a", "suffix": "b"})
    assert refusal.json() == {"error": '"x" does not support insert'}
    facts = msgspec.structs.replace(FACTS, infill={"pre": 1, "suf": 2, "mid": 3}, bos=9, adds_bos=True)
    server = start(ScriptedEngine(facts=facts, answers=answers))
    assert server.post(GENERATE, {"prompt": "a", "suffix": "b", "stream": False}).status == 200
    assert server.engine.asked[0].prompt == [9, 1, "a", 2, "b", 3]


@pytest.mark.parametrize(("path", "empty"), [(CHAT, {"message": {"role": "assistant", "content": ""}}),
                                             (GENERATE, {"response": ""})])  # fmt: skip
def test_loading_and_unloading(start: Callable[..., Live], path: str, empty: dict[str, Any]) -> None:
    engine = Unloadable(answers=answers)
    server = start(engine)
    loaded = server.post(path, {"model": "tiny", "keep_alive": "-1s"}).json()
    assert {key: value for key, value in loaded.items() if key != "created_at"} == {
        "model": "tiny", "done": True, "done_reason": "load", **empty
    }  # fmt: skip
    unloaded = server.post(path, {"model": "tiny", "keep_alive": 0}).json()
    assert unloaded["done_reason"] == "unload"
    assert (engine.n_unloads, engine.state) == (1, "unloaded")
    assert server.get("/api/ps").json() == {"models": []}
    assert server.post(CHAT, {**HI, "stream": False}).status == 200
    assert engine.state == "ready"


def test_a_request_waits_for_the_model_that_is_being_loaded(start: Callable[..., Live]) -> None:
    engine = ScriptedEngine(state="loading", facts=None)
    server = start(engine)
    assert server.post("/v1/chat/completions", HI).status == 503, "other clients ask again"

    def load() -> None:
        engine.facts, engine.state = FACTS, "ready"

    timer = threading.Timer(0.2, load)
    timer.start()
    whole = server.post(CHAT, {**HI, "stream": False}).json()
    timer.join()
    assert whole["message"]["content"] == "Hello there."
    assert whole["load_duration"] > 100_000_000


@pytest.mark.parametrize("given", ["5x", "", "h", "1" * 99, "-", "1e9", [], {}])
def test_durations_that_are_none(server: Live, given: object) -> None:
    reply = server.post(CHAT, {**HI, "keep_alive": given})
    if given == "":
        assert reply.status == 200
    else:
        assert reply.status == 400
        assert "`keep_alive`" in reply.json()["error"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"options": {"temperature": "hot"}}, "`options.temperature`"),
        ({"options": {"top_p": 2}}, "`options.top_p`"),
        ({"options": {"seed": -2}}, "`options.seed`"),
        ({"options": {"top_k": 1e99}}, "`options.top_k`"),
        ({"messages": [{"content": "no role"}]}, "`messages[0]`"),
        ({"messages": [{"role": "user", "content": "See", "images": ["aGk="]}]}, "`messages[0].images`"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
         "arguments`"),
        ({"format": "xml"}, "`format`"),
        ({"format": 7}, "`format`"),
        ({"top_logprobs": 21}, "`top_logprobs`"),
        ({"think": True}, "does not support thinking"),
        ({"think": "very"}, "`think`"),
        ({"tools": [{"type": "function"}]}, "function"),
    ],
)  # fmt: skip
def test_refusals_name_the_field(server: Live, body: dict[str, Any], named: str) -> None:
    reply = server.post(CHAT, {**HI, **body})
    assert reply.status == 400
    assert list(reply.json()) == ["error"]
    assert named in reply.json()["error"]


def test_what_the_engine_says_of_a_schema_names_the_field_of_this_dialect(server: Live) -> None:
    server.engine.script = fail("invalid", "`json_schema`: it is none.")
    assert server.post(CHAT, {**HI, "format": {"type": "x"}}).json() == {"error": "`format`: it is none."}


def test_templates_are_not_taken_from_requests(server: Live) -> None:
    reply = server.post(GENERATE, {"prompt": "Hi", "template": "{{ .Prompt }}"})
    assert (reply.status, server.engine.asked) == (400, [])
    assert "`template`" in reply.json()["error"]


def test_failures_before_and_within_a_stream(server: Live) -> None:
    server.engine.script = fail("busy", "The queue is full.")
    reply = server.post(CHAT, HI)
    assert (reply.status, reply.json()) == (503, {"error": "The queue is full."})
    server.engine.script = fail("died", "The engine died.", after=("Hel",))
    assert lines(server.post(CHAT, HI))[-1] == {"error": "The engine died."}


def test_an_unknown_address(server: Live) -> None:
    reply = server.post("/api/nothing", {})
    assert (reply.status, list(reply.json())) == (404, ["error"])


@pytest.mark.parametrize("name", ["tiny", "tiny:latest", "tiny:q4_0", "another", "", None])
def test_names(server: Live, name: str | None) -> None:
    reply = server.post(CHAT, {**HI, "model": name, "stream": False})
    assert reply.json()["model"] == (name or "tiny")


def test_an_unknown_one_of_several(monkeypatch: pytest.MonkeyPatch, start: Callable[..., Live]) -> None:
    fleet = Live._fleet

    def several(live: Live) -> Any:
        made = fleet(live)
        made.entries = [ModelEntry("one", live.config), ModelEntry("two", live.config)]
        made.models = made.models * 2
        return made

    monkeypatch.setattr(Live, "_fleet", several)
    server = start()
    for path in (CHAT, GENERATE, "/api/show"):
        reply = server.post(path, {**HI, "model": "three:latest"})
        assert reply.status == 404
        assert reply.json()["error"].startswith("model 'three:latest' not found")


def test_vectors(words: Live) -> None:
    one = words.post(EMBED, {"model": "tiny", "input": "Hi", "dimensions": 8}).json()
    assert [len(vector) for vector in one["embeddings"]] == [8]
    assert (one["model"], one["prompt_eval_count"]) == ("tiny", 2)
    assert len(words.post(EMBED, {"input": ["Hi", "Ho"]}).json()["embeddings"]) == 2
    for nothing in ("", [], None):
        assert words.post(EMBED, {"input": nothing}).json()["embeddings"] == []
    old = words.post("/api/embeddings", {"prompt": "Hi"}).json()
    assert len(old["embedding"]) == FACTS.n_embd
    normalized = [question.normalize for question in words.engine.singles if isinstance(question, Embed)]
    assert normalized == [2, 2, -1]
    assert words.post("/api/embeddings", {}).json() == {"embedding": []}


def test_texts_that_are_too_long_are_cut_or_refused(server: Live) -> None:
    def choosy(question: Any) -> Terminal:
        if isinstance(question, Embed) and any(isinstance(text, str) for text in question.inputs):
            return Failed(id=question.id, kind="context", message="too long", n_prompt=5000, n_ctx=4096)
        return answers(question)

    server.engine.answers = choosy
    assert server.post(EMBED, {"input": "x" * 5000}).status == 200
    cut = server.engine.singles[-1]
    assert isinstance(cut, Embed)
    assert len(cut.inputs[0]) == FACTS.n_ctx
    refused = server.post(EMBED, {"input": "x" * 5000, "truncate": False})
    assert (refused.status, refused.json()) == (400, {"error": "too long"})


def test_what_is_part_of_the_executable_stays(server: Live) -> None:
    assert lines(server.post("/api/pull", {"model": "tiny:latest"}))[-1] == {"status": "success"}
    assert server.post("/api/pull", {"name": "tiny", "stream": False}).json() == {"status": "success"}
    assert server.post("/api/pull", {"model": "llama3"}).status == 404
    for method, path, body in (
        ("POST", "/api/push", {"model": "tiny"}),
        ("POST", "/api/copy", {"source": "tiny", "destination": "b"}),
        ("POST", "/api/create", {"model": "b", "from": "tiny"}),
        ("DELETE", "/api/delete", {"model": "tiny"}),
        ("POST", "/api/blobs/sha256:00", {}),
    ):
        reply = server.request(method, path, body)
        assert reply.status == 403, path
        assert "part of the executable" in reply.json()["error"]
    assert server.request("DELETE", "/api/delete", {"model": "llama3"}).status == 404
    assert server.request("HEAD", "/api/blobs/sha256:00").status == 404


def test_the_page_is_for_browsers_only(server: Live) -> None:
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        reply = server.get("/", accept)
        assert (reply.status, reply.body, reply.headers["Vary"]) == (200, b"Ollama is running", "Accept")
    assert server.request("HEAD", "/").status == 200
    browser = server.get("/", {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert browser.headers["Content-Type"].startswith("text/html")


def test_the_version_is_one_that_clients_compare(server: Live) -> None:
    parts = [int(part) for part in server.get("/api/version").json()["version"].split(".")]
    assert parts >= [0, 12, 11], "the release that brought `logprobs`"
    assert server.request("HEAD", "/api/version").status == 200


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.gguf"
    values = {**TINY, "tokenizer.chat_template": (STRING, "{{ messages }}<think>")}
    path.write_bytes(gguf(values, [("token_embd.weight", (8, 8), 0), ("blk.0.attn_norm.weight", (8,), 0)]))
    return path


def test_a_model_is_described_from_its_file(start: Callable[..., Live], model_file: Path) -> None:
    server = start(config=WorkerConfig(model_path=str(model_file)))
    listed = server.get("/api/tags").json()["models"]
    assert [one["name"] for one in listed] == ["tiny:latest"]
    assert listed[0]["size"] == model_file.stat().st_size
    assert len(listed[0]["digest"]) == 64
    assert listed[0]["details"]["format"] == "gguf"
    shown = server.post("/api/show", {"model": "tiny"}).json()
    assert shown["capabilities"] == ["completion", "tools", "thinking"]
    assert shown["template"] == "{{ messages }}<think>"
    info = shown["model_info"]
    assert info["general.architecture"] == "llama"
    assert info["general.parameter_count"] == 72
    assert info["tokenizer.ggml.tokens"] is None
    assert "tokenizer.chat_template" not in info
    assert "tensors" not in shown
    verbose = server.post("/api/show", {"name": "tiny:latest", "verbose": True}).json()
    assert len(verbose["model_info"]["tokenizer.ggml.tokens"]) == 8
    assert verbose["tensors"][0] == {"name": "token_embd.weight", "type": "F32", "shape": [8, 8]}
    running = server.get("/api/ps").json()["models"][0]
    assert (running["model"], running["context_length"], running["size_vram"]) == ("tiny:latest", 4096, 0)
    assert running["expires_at"] > "2300"
    assert in_future(1e300) > "2300"
    assert in_future(60) < "2300"
