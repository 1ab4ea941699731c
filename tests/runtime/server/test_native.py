"""llama.cpp's dialect, to the byte that LangChain's and LlamaIndex's llamafile classes depend on."""

import json

import pytest

from runtime.engine.protocol import DEFAULT_SAMPLERS, Event, Finished, Generate, Progress, Sampling, Started
from runtime.server import sse
from tests.runtime.server.live import TIMINGS, Live, fail, say
from tests.runtime.server.test_openai import MEASURED, probable

# What langchain-community's Llamafile sends with every call.
LANGCHAIN = {
    "seed": -1, "temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "n_predict": -1, "n_keep": 0,
    "tfs_z": 1.0, "typical_p": 1.0, "repeat_penalty": 1.1, "repeat_last_n": 64, "penalize_nl": True,
    "presence_penalty": 0.0, "frequency_penalty": 0.0, "mirostat": 0, "mirostat_tau": 5.0, "mirostat_eta": 0.1,
}  # fmt: skip
DEFAULTS = {
    "temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "typical_p": 1.0, "top_n_sigma": -1.0,
    "xtc_probability": 0.0, "xtc_threshold": 0.1, "dynatemp_range": 0.0, "dynatemp_exponent": 1.0, "repeat_last_n": 64,
    "repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "dry_multiplier": 0.0, "dry_base": 1.75,
    "dry_allowed_length": 2, "dry_penalty_last_n": -1, "mirostat": 0, "mirostat_tau": 5.0, "mirostat_eta": 0.1,
    "min_keep": 0, "seed": 42, "ignore_eos": False, "samplers": DEFAULT_SAMPLERS, "n_predict": -1, "max_tokens": -1,
    "stream": False, "n_probs": 0, "post_sampling_probs": False, "n_keep": 0, "n_discard": 0, "lora": [],
    "timings_per_token": False, "speculative.types": "none", "adaptive_target": -1.0, "adaptive_decay": 0.9,
    "backend_sampling": False, "chat_format": "Content-only", "reasoning_format": "none",
    "reasoning_in_content": False, "generation_prompt": "",
}  # fmt: skip
SETTINGS = {
    **DEFAULTS, "stop": [], "logit_bias": [], "dry_sequence_breakers": ["\n", ":", '"', "*"], "grammar": "",
    "grammar_lazy": False, "grammar_triggers": [], "preserved_tokens": [],
}  # fmt: skip
LAST = {
    "index": 0, "content": "Hello there.", "tokens": [], "id_slot": 0, "stop": True, "model": "tiny",
    "tokens_predicted": 3, "tokens_evaluated": 5, "prompt": "<the prompt>", "tokens_cached": 7,
    "generation_settings": SETTINGS, "has_new_line": False, "truncated": False, "stop_type": "eos", "stopping_word": "",
    "timings": MEASURED,
}  # fmt: skip


@pytest.mark.parametrize("path", ["/completion", "/completions"])
def test_a_whole_answer(server: Live, path: str) -> None:
    assert server.post(path, {"prompt": "x"}).json() == LAST


def test_a_streamed_answer_to_the_byte(server: Live) -> None:
    reply = server.post("/completion", {"prompt": "x", "stream": True})
    lines = reply.body.split(b"\n\n")
    counts = b'"stop":false,"id_slot":0,"tokens_predicted":%d,"tokens_evaluated":5}'
    assert lines[:3] == [
        b'data: {"index":0,"content":"Hello","tokens":[0],' + counts % 1,
        b'data: {"index":0,"content":" there","tokens":[1],' + counts % 2,
        b'data: {"index":0,"content":".","tokens":[2],' + counts % 3,
    ]
    assert json.loads(lines[3].removeprefix(b"data: ")) == {
        **LAST, "content": "", "generation_settings": {**SETTINGS, "stream": True},
    }  # fmt: skip
    assert lines[4:] == [b""]
    assert reply.headers["Content-Type"] == "text/event-stream"


def test_the_contract_of_langchain(server: Live) -> None:
    """Each rule is one thing its client code cannot survive."""
    server.engine.script = say("a", "\u2028", "\u0085", "é", " 👋")
    body = {"prompt": "x", **LANGCHAIN, "stop": ["\n"]}
    whole = server.post("/completion", body)
    assert isinstance(whole.json()["content"], str)
    streamed = server.post("/completion", {**body, "stream": True}).body
    assert streamed.isascii()
    assert b"[DONE]" not in streamed
    lines = [line for line in streamed.decode().splitlines() if line]
    assert all(line.startswith("data: {") for line in lines)
    assert "".join(json.loads(line[6:])["content"] for line in lines) == whole.json()["content"]
    asked = server.engine.asked[0]
    assert asked.sampling == Sampling(repeat_penalty=1.1)
    assert (asked.max_tokens, asked.stop) == (-1, ["\n"])


def test_a_failure_after_the_first_token_has_content(server: Live) -> None:
    server.engine.script = fail("died", "The engine ended.", after=("Hel",))
    reply = server.post("/completion", {"prompt": "x", "stream": True})
    assert reply.events()[-1] == {
        "error": {"code": 503, "message": "The engine ended.", "type": "unavailable_error"},
        "content": "",
        "stop": True,
    }


@pytest.mark.parametrize(("reason", "expected"), [("stop", "eos"), ("word", "word"), ("length", "limit")])
def test_stop_types(server: Live, reason: str, expected: str) -> None:
    server.engine.script = say("a\n", "b", reason=reason, stopping_word="###" if reason == "word" else "")
    answer = server.post("/completion", {"prompt": "x"}).json()
    assert (answer["stop_type"], answer["has_new_line"]) == (expected, True)
    assert answer["stopping_word"] == ("###" if reason == "word" else "")


@pytest.mark.parametrize(
    ("fields", "n_answers"),
    [({"prompt": ["a", "b"]}, 2), ({"prompt": ["a", "b"], "n": 2}, 4), ({"prompt": "a", "n": 2}, 2),
     ({"prompt": "a", "n_cmpl": 3}, 3), ({"prompt": [[1, 2], "b"]}, 2)],
)  # fmt: skip
def test_an_array_answers_a_list(server: Live, fields: dict[str, object], n_answers: int) -> None:
    answers = server.post("/completion", fields).json()
    assert [answer["index"] for answer in answers] == list(range(n_answers))
    chunks = server.post("/completion", {**fields, "stream": True}).events()
    assert [chunk["index"] for chunk in chunks if chunk["stop"]] == list(range(n_answers))


def test_tokens_are_one_prompt(server: Live) -> None:
    assert server.post("/completion", {"prompt": [1, 2, 3]}).json()["index"] == 0
    assert server.engine.asked[0].prompt == [1, 2, 3]


def test_one_prompt_in_a_list_has_one_answer(server: Live) -> None:
    assert server.post("/completion", {"prompt": ["a"]}).json()["index"] == 0


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ({"prompt_string": "a"}, ["a"]),
        ({"prompt_string": [1, "a"], "multimodal_data": []}, [[1, "a"]]),
        ([{"prompt_string": "a"}, "b", [1, "c"]], ["a", "b", [1, "c"]]),
        ([1, "a", 2], [[1, "a", 2]]),
    ],
)
def test_forms_of_prompts(server: Live, prompt: object, asked: list[object]) -> None:
    assert server.post("/completion", {"prompt": prompt}).status == 200
    assert [one.prompt for one in server.engine.asked] == asked


@pytest.mark.parametrize(
    ("prompt", "field"),
    [({"prompt_string": "a", "multimodal_data": ["aGk="]}, "prompt.multimodal_data"), ({"text": "a"}, "prompt"),
     ([1, ["a"]], "prompt"), ([[[1]]], "prompt[0][0]"), ([], "prompt"), (7, "prompt")],
)  # fmt: skip
def test_what_is_no_prompt(server: Live, prompt: object, field: str) -> None:
    reply = server.post("/completion", {"prompt": prompt})
    assert (reply.status, server.engine.asked) == (400, [])
    assert reply.json()["error"]["message"].startswith(f"`{field}")


def test_pictures_of_llamafile(server: Live) -> None:
    assert server.post("/completion", {"prompt": "x", "image_data": []}).status == 200
    reply = server.post("/completion", {"prompt": "[img-1]", "image_data": [{"id": 1, "data": "aGk="}]})
    assert (reply.status, len(server.engine.asked)) == (400, 1)
    assert reply.json()["error"]["message"].startswith("`image_data`")


def test_chosen_fields(server: Live) -> None:
    fields = ["content", "timings/predicted_n", "generation_settings/top_k", "no", "content/no", ""]
    chosen = {"content": "Hello there.", "timings/predicted_n": 3, "generation_settings/top_k": 40}
    assert server.post("/completion", {"prompt": "x", "response_fields": fields}).json() == chosen
    *chunks, last = server.post("/completion", {"prompt": "x", "response_fields": fields, "stream": True}).events()
    assert last == {**chosen, "content": ""}
    assert all("id_slot" in chunk for chunk in chunks)
    assert server.post("/completion", {"prompt": "x", "response_fields": []}).json() == LAST


def test_times_with_each_token(server: Live) -> None:
    *chunks, last = server.post("/completion", {"prompt": "x", "stream": True, "timings_per_token": True}).events()
    assert [chunk["timings"]["predicted_n"] for chunk in chunks] == [1, 2, 3]
    assert all(chunk["timings"].keys() == MEASURED.keys() for chunk in chunks)
    assert all(chunk["timings"]["cache_n"] == 3 and chunk["timings"]["prompt_n"] == 2 for chunk in chunks)
    assert last["timings"] == MEASURED
    assert last["generation_settings"]["timings_per_token"] is True


def test_how_far_the_prompt_is_read(server: Live) -> None:
    def script(request: Generate) -> list[Event | float]:
        return [
            Started(id=request.id, prompt="", n_prompt=8, n_cached=3),
            Progress(id=request.id, n_prompt=8, n_cached=3, n_done=6, took_ms=4.6),
            Finished(id=request.id, reason="stop", timings=TIMINGS, seed=1),
        ]

    server.engine.script = script
    progress, last = server.post("/completion", {"prompt": "x", "stream": True, "return_progress": True}).events()
    assert progress == {
        "index": 0, "content": "", "tokens": [], "stop": False, "id_slot": 0, "tokens_predicted": 0,
        "tokens_evaluated": 8, "prompt_progress": {"total": 8, "cache": 3, "processed": 6, "time_ms": 5},
    }  # fmt: skip
    assert last["stop"] is True
    assert server.engine.asked[0].progress
    server.post("/completion", {"prompt": "x", "return_progress": True})
    assert not server.engine.asked[1].progress


def test_a_silent_stream_stays_silent(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """LangChain takes a comment for a part of the answer, and LlamaIndex raises."""
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.01)
    server.engine.script = lambda request: [1.2, *say("a")(request)]
    reply = server.post("/completion", {"prompt": "x", "stream": True, "sse_ping_interval": 1})
    assert all(line.startswith(b"data: {") for line in reply.body.split(b"\n") if line)


def test_return_tokens(server: Live) -> None:
    assert server.post("/completion", {"prompt": "x", "return_tokens": True}).json()["tokens"] == [0, 1, 2]


def test_probabilities(server: Live) -> None:
    server.engine.script = probable
    whole = server.post("/completion", {"prompt": "x", "n_probs": 2}).json()["completion_probabilities"]
    assert server.engine.asked[0].n_probs == 2
    assert [one["token"] for one in whole] == ["He", "llo"]
    assert whole[1]["logprob"] == -9999.0
    assert whole[0]["top_logprobs"][1] == {"id": 1, "token": "b", "bytes": [98], "logprob": -1.0}
    *chunks, last = server.post("/completion", {"prompt": "x", "logprobs": 2, "stream": True}).events()
    assert [chunk["completion_probabilities"][0]["token"] for chunk in chunks] == ["He", "llo"]
    assert "completion_probabilities" not in last


def test_banned_tokens_are_told_as_json(server: Live) -> None:
    answer = server.post("/completion", {"prompt": "x", "logit_bias": [[5, False], [6, 1.5]]}).json()
    assert answer["generation_settings"]["logit_bias"] == [{"token": 5, "bias": None}, {"token": 6, "bias": 1.5}]
