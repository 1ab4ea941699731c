"""LoRAX's dialect over a scripted engine: what is asked of the engine, and how its clients are told."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runtime.adapters.catalogue import Wanted, encode
from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import (
    Delta,
    Embed,
    Embedded,
    Event,
    Failed,
    Finished,
    Generate,
    Prompted,
    Started,
    Terminal,
    Timings,
    Tokenize,
    Tokenized,
    TokenProbability,
)
from runtime.server.lorax.answers import GenerateAnswer
from runtime.server.lorax.streaming import StreamEvent
from tests.gguf_writer import gguf
from tests.runtime.server.live import FACTS, Live, Reply, ScriptedEngine, fail, say

ADAPTERS = encode([Wanted(name, f"/{name}", scale=0.0) for name in ("pirate", "robot")])
EOS = 7


def likely(number: int, text: str, logprob: float = -0.25) -> TokenProbability:
    other = TokenProbability(id=99, token="~", bytes=[126], logprob=-3.0)
    return TokenProbability(
        id=number, token=text, bytes=list(text.encode()), logprob=logprob, top_logprobs=[other, other]
    )


def speak(*tokens: str, reason: str = "length", word: str = "", end: str = "") -> Callable[[Generate], Iterable[Event]]:
    """A script that says tokens one by one, and with `end` a last one that is not shown."""

    def script(request: Generate) -> Iterable[Event]:
        yield Started(id=request.id, prompt="Hi", n_prompt=5, n_cached=3)
        if request.prompt_probs >= 0:
            yield Prompted(id=request.id, probabilities=[likely(1, "H", 0.0), likely(2, "i")])
        for number, token in enumerate(tokens):
            yield Delta(id=request.id, text=token, tokens=[number], probabilities=[likely(number, token)])
        if end:
            yield Delta(id=request.id, text="", tokens=[EOS], probabilities=[likely(EOS, end)])
        n_predicted = len(tokens) + bool(end)
        timings = Timings(cache_n=3, prompt_n=2, prompt_ms=4.0, predicted_n=n_predicted, predicted_ms=10.0)
        kind: Any = reason
        yield Finished(id=request.id, reason=kind, stopping_word=word, timings=timings, seed=42)

    return script


@pytest.fixture
def words(start: Callable[..., Live]) -> Live:
    """A server with two adapters whose engine says three tokens."""
    engine = ScriptedEngine(script=speak("Hel", "lo", "!"))
    return start(engine, config=WorkerConfig(model_path="", adapters=ADAPTERS))


def ask(server: Live, path: str = "/generate", inputs: str = "Hi", **parameters: Any) -> Reply:
    return server.post(path, {"inputs": inputs, "parameters": parameters})


def refused(reply: Reply, status: int, kind: str) -> str:
    assert (reply.status, set(reply.json())) == (status, {"error", "error_type"}), reply.body
    assert reply.json()["error_type"] == kind
    return str(reply.json()["error"])


def test_the_whole_answer_as_an_object_and_as_a_list(words: Live) -> None:
    assert ask(words).json() == {"generated_text": "Hello!"}
    assert ask(words, "/").json() == [{"generated_text": "Hello!"}]
    assert words.post("/generate", {"inputs": "Hi", "parameters": None}).json() == {"generated_text": "Hello!"}
    asked = words.engine.asked[0]
    assert (asked.prompt, asked.max_tokens, asked.adapters, asked.n_probs) == ("Hi", -1, None, 0)


def test_details(words: Live) -> None:
    words.engine.script = speak("Hel", "lo", reason="stop", end="</s>")
    details = ask(words, details=True, return_k_alternatives=1).json()["details"]
    other = [{"id": 99, "text": "~", "logprob": -3.0}]
    shown = {"logprob": -0.25, "special": False, "skipped": False, "alternative_tokens": other}
    assert details == {
        "finish_reason": "eos_token", "prompt_tokens": 5, "generated_tokens": 3, "skipped_tokens": 0, "seed": None,
        "prefill": [],
        "tokens": [{"id": 0, "text": "Hel", **shown}, {"id": 1, "text": "lo", **shown},
                   {"id": EOS, "text": "</s>", **shown, "special": True}],
    }  # fmt: skip
    prefill = ask(words, decoder_input_details=True).json()["details"]["prefill"]
    assert prefill == [{"id": 1, "text": "H", "logprob": None}, {"id": 2, "text": "i", "logprob": -0.25}]


@pytest.mark.parametrize(
    "parameters", [{}, {"details": True, "return_k_alternatives": 2}, {"decoder_input_details": True}]
)
def test_answers_are_what_their_records_say(words: Live, parameters: dict[str, Any]) -> None:
    whole = ask(words, **parameters).body
    assert msgspec.json.encode(msgspec.json.decode(whole, type=GenerateAnswer)) == whole
    for event in ask(words, "/generate_stream", details=True).events():
        assert msgspec.to_builtins(msgspec.convert(event, StreamEvent)) == event


def test_the_best_of_two(words: Live) -> None:
    def script(request: Generate) -> Iterable[Event]:
        is_first = request.id % 2 == 1
        for event in speak("good" if is_first else "bad")(request):
            if isinstance(event, Delta) and not is_first:
                event = Delta(id=event.id, text="bad", tokens=[0], probabilities=[likely(0, "bad", -5.0)])
            yield event

    words.engine.script = script
    found = ask(words, best_of=2, do_sample=True, details=True).json()
    assert found["generated_text"] == "good"
    assert found["details"]["seed"] == 42
    assert [other["generated_text"] for other in found["details"]["best_of_sequences"]] == ["bad"]


def test_a_stream_has_an_event_for_each_token_and_the_last_tells_of_all(words: Live) -> None:
    for path in ("/", "/generate_stream"):
        reply = words.post(path, {"inputs": "Hi", "parameters": {"details": True, "max_new_tokens": 3}, "stream": True})
        events = reply.events()
        assert b"[DONE]" not in reply.body
        assert [event["token"]["text"] for event in events] == ["Hel", "lo", "!"]
        assert all(set(event) == {"token", "generated_text", "details"} for event in events)
        assert all(event["generated_text"] is event["details"] is None for event in events[:-1])
        assert events[-1]["generated_text"] == "Hello!"
        assert events[-1]["details"] == {
            "finish_reason": "length", "prompt_tokens": 5, "generated_tokens": 3, "skipped_tokens": 0, "seed": None
        }  # fmt: skip


def test_the_last_event_of_a_stream_that_ends_by_itself(words: Live) -> None:
    words.engine.script = speak("Hel", "lo", reason="stop", end="</s>")
    *_, last = ask(words, "/generate_stream").events()
    assert last["token"] == {"id": EOS, "text": "</s>", "logprob": -0.25, "special": True, "skipped": False}
    assert (last["generated_text"], last["details"]) == ("Hello", None)
    words.engine.script = speak("Hel", "lo")  # the context is full: nobody knew that `lo` was the last
    *_, last = ask(words, "/generate_stream").events()
    assert (last["token"]["text"], last["token"]["special"], last["generated_text"]) == ("", True, "Hello")


def test_characters_of_several_tokens_stay_whole(words: Live) -> None:
    first, second = "é".encode()

    def script(request: Generate) -> Iterable[Event]:
        yield Started(id=request.id, prompt="", n_prompt=1, n_cached=0)
        halves = [
            TokenProbability(id=number, token="\ufffd", bytes=[byte], logprob=-1.0)
            for number, byte in enumerate((first, second))
        ]
        yield Delta(id=request.id, text="é", tokens=[0, 1], probabilities=halves)
        yield Finished(id=request.id, reason="length", timings=Timings(
            cache_n=0, prompt_n=1, prompt_ms=1, predicted_n=2, predicted_ms=1), seed=1)  # fmt: skip

    words.engine.script = script
    events = ask(words, "/generate_stream", max_new_tokens=2).events()
    assert [event["token"]["text"] for event in events] == ["", "é"]
    assert events[-1]["generated_text"] == "é"


def test_a_stop_sequence_ends_the_text(words: Live) -> None:
    words.engine.script = speak("Hel", reason="word", word="lo")
    whole = ask(words, stop=["lo"], details=True, return_full_text=True).json()
    assert (whole["generated_text"], whole["details"]["finish_reason"]) == ("HiHello", "stop_sequence")
    assert words.engine.asked[0].stop == ["lo"]


@pytest.mark.parametrize(
    ("given", "temperature"),
    [
        ({}, 0), ({"do_sample": True}, 1), ({"temperature": 1.0}, 0), ({"temperature": 0.5}, 0.5),
        ({"temperature": 0, "do_sample": True}, 0), ({"top_k": 5}, 1), ({"top_p": 1.0}, 0), ({"top_p": 0.5}, 1),
        ({"typical_p": 0.5, "temperature": 2.0}, 2), ({"seed": 2**40}, 0),
    ],
)  # fmt: skip
def test_when_tokens_are_drawn(words: Live, given: dict[str, Any], temperature: float) -> None:
    found = ask(words, details=True, **given).json()
    sampling = words.engine.asked[0].sampling
    assert (sampling.temperature, sampling.min_p) == (temperature, 0)
    assert (found["details"]["seed"] is None) == (temperature == 0)
    assert (sampling.top_k, sampling.top_p) == (given.get("top_k", 0), given.get("top_p", 1.0))


def test_all_parameters(words: Live) -> None:
    ask(
        words, max_new_tokens=9, ignore_eos_token=True, repetition_penalty=1.5, frequency_penalty=0.5,
        presence_penalty=-0.5, api_token="secret", watermark=False, adapter_source="hub", seed=3, do_sample=True,
        response_format={"type": "json_object", "schema": {"type": "object", "properties": {}}},
    )  # fmt: skip
    asked = words.engine.asked[0]
    sampling = asked.sampling
    assert (asked.max_tokens, sampling.ignore_eos, sampling.seed) == (9, True, 3)
    assert (sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty) == (1.5, 0.5, -0.5)
    assert asked.grammar is not None
    assert asked.grammar.kind == "json_schema"
    ask(words, response_format={"type": "json_object"})
    assert words.engine.asked[1].grammar is not None
    ask(words, response_format={"type": "text"})
    assert words.engine.asked[2].grammar is None


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"temperature": -1}, "temperature"), ({"top_p": 0}, "top_p"), ({"top_k": 0}, "top_k"),
        ({"typical_p": 1}, "typical_p"), ({"max_new_tokens": 0}, "max_new_tokens"), ({"seed": -1}, "seed"),
        ({"repetition_penalty": 0}, "repetition_penalty"), ({"best_of": 3}, "best_of"),
        ({"best_of": 2}, "best_of"), ({"best_of": 2, "do_sample": True, "seed": 1}, "seed"),
        ({"stop": ["a"] * 17}, "stop"), ({"truncate": 0}, "truncate"), ({"truncate": 4096}, "truncate"),
        ({"watermark": True}, "watermark"), ({"frequency_penalty": 3}, "frequency_penalty"),
        ({"adapter_id": "pirate", "merged_adapters": {"ids": ["robot"], "weights": [1]}}, "adapter_id"),
        ({"merged_adapters": {"ids": [], "weights": []}}, "ids"),
        ({"merged_adapters": {"ids": ["pirate"], "weights": [1, 2]}}, "weights"),
        ({"merged_adapters": {"ids": ["pirate"], "weights": [1], "merge_strategy": "ties"}}, "ties"),
        ({"merged_adapters": {"ids": ["pirate"], "weights": [1], "density": 2}}, "density"),
        ({"adapter_source": "ftp"}, "adapter_source"), ({"do_sample": "yes"}, "do_sample"),
    ],
)  # fmt: skip
def test_refusals_name_the_field(words: Live, parameters: dict[str, Any], named: str) -> None:
    message = refused(ask(words, **parameters), 422, "validation")
    assert message.startswith("Input validation error: ")
    assert named in message
    assert words.engine.asked == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"inputs": ""}', b'{"inputs": 3}', b"{}"])
def test_bodies_that_are_none(words: Live, body: bytes) -> None:
    refused(words.request("POST", "/generate", body), 422, "validation")


def test_streams_refuse_what_they_cannot_tell(words: Live) -> None:
    for parameters in ({"best_of": 2, "do_sample": True}, {"decoder_input_details": True}):
        refused(ask(words, "/generate_stream", **parameters), 422, "validation")


def test_adapters(words: Live) -> None:
    reply = ask(words, adapter_id="pirate")
    assert words.engine.asked[0].adapters == [("pirate", 1.0)]
    assert (reply.headers["x-adapter-id"], reply.headers["x-adapter-source"]) == ("pirate", "local")
    merged = {"ids": ["pirate", "robot"], "weights": [0.25, 0.75], "density": 0.0, "merge_strategy": "linear"}
    ask(words, merged_adapters=merged)
    assert words.engine.asked[1].adapters == [("pirate", 0.25), ("robot", 0.75)]
    for base in ("", "tiny"):
        assert "x-adapter-id" not in ask(words, adapter_id=base).headers
        assert words.engine.asked[-1].adapters == []
    message = refused(ask(words, adapter_id="user/other", adapter_source="hub"), 424, "generation")
    assert "`user/other`" in message
    assert "`hub`" in message
    assert "`pirate`" in message
    words.engine.script = fail("invalid", "`lora`: Reading the adapter `pirate`: it is broken.")
    for path in ("/generate", "/generate_stream"):
        message = refused(ask(words, path, adapter_id="pirate"), 424, "generation")
        assert message == "Reading the adapter `pirate`: it is broken."


def test_failures_of_the_engine(words: Live) -> None:
    for kind, status, error_type in (
        ("busy", 429, "overloaded"), ("context", 422, "validation"), ("internal", 500, "incomplete_generation"),
        ("died", 503, "healthcheck"),
    ):  # fmt: skip
        words.engine.script = fail(kind, "Something.")
        assert "Something." in refused(ask(words), status, error_type)

    def script(request: Generate) -> Iterable[Event]:
        yield from list(speak("Hel")(request))[:-1]
        yield Failed(id=request.id, kind="died", message="Something.")

    words.engine.script = script
    told, failed = ask(words, "/generate_stream").events()
    assert told["token"]["text"] == "Hel"
    assert failed == {"error": "Something.", "error_type": "healthcheck"}


def test_headers(words: Live) -> None:
    headers = ask(words, inputs="Hällo").headers
    numbers = {
        "x-prompt-tokens": "5", "x-generated-tokens": "3", "x-skipped-tokens": "0", "x-total-tokens": "8",
        "x-inference-time": "14", "x-compute-characters": "5", "x-compute-type": "cpu", "x-model-id": "tiny",
    }  # fmt: skip
    assert {name: headers[name] for name in numbers} == numbers
    for name in ("x-compute-time", "x-total-time", "x-validation-time", "x-queue-time", "x-time-per-token",
                 "x-time-to-first-token", "x-time-per-output-token"):  # fmt: skip
        assert headers[name].isdigit(), name
    streamed = ask(words, "/generate_stream", adapter_id="pirate").headers
    assert (streamed["x-model-id"], streamed["x-adapter-id"], streamed["x-compute-type"]) == ("tiny", "pirate", "cpu")
    assert streamed["X-Accel-Buffering"] == "no"


def test_only_the_last_tokens_of_an_input(words: Live) -> None:
    words.engine.answers = letters
    ask(words, inputs="abcdef", truncate=3)
    assert words.engine.asked[0].prompt == [ord(letter) for letter in "def"]


def test_tokens_with_their_places(words: Live) -> None:
    words.engine.answers = letters
    cut = words.post("/tokenize", {"inputs": "aé"}).json()
    assert cut == [
        {"id": ord("a"), "text": "a", "start": 0, "stop": 1}, {"id": ord("é"), "text": "é", "start": 1, "stop": 2}
    ]  # fmt: skip
    asked = words.engine.singles[-1]
    assert isinstance(asked, Tokenize)
    assert asked.add_special
    words.post("/tokenize", {"inputs": "a", "add_special_tokens": False})
    assert words.post("/tokenize", {"content": "ab"}).json() == {"tokens": [97, 98]}
    assert words.post("/tokenize", {}).json() == {"tokens": []}


def test_a_vector(words: Live) -> None:
    words.engine.answers = lambda question: Embedded(id=question.id, vectors=[[bytes(4 * FACTS.n_embd)]], n_tokens=[2])
    found = words.post("/embed", {"inputs": "Hi", "parameters": None, "stream": False}).json()
    assert found == {"embeddings": [0.0] * FACTS.n_embd}
    assert isinstance(words.engine.singles[-1], Embed)
    refused(words.post("/embed", {"inputs": ""}), 422, "validation")


def test_what_is_served(start: Callable[..., Live], tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf())
    server = start(ScriptedEngine(script=say("Hi")), config=WorkerConfig(model_path=str(path)))
    info = server.get("/info").json()
    assert (info["model_id"], info["max_total_tokens"], info["max_input_length"]) == ("tiny", 4096, 4095)
    assert len(info["model_sha"]) == 64
    assert {"model_dtype", "version", "sha", "docker_label", "request_logger_url", "eager_prefill"} <= set(info)
    assert server.get("/health").status == 200


def test_nothing_is_posted_without_a_key(start: Callable[..., Live]) -> None:
    server = start(keys=("secret",))
    body = json.dumps({"inputs": "Hi"}).encode()
    assert server.request("POST", "/", body).status == 401
    assert server.request("POST", "/", body, {"Authorization": "Bearer secret"}).status == 200
    assert server.get("/").status == 200


def letters(question: Any) -> Terminal:
    if isinstance(question, Tokenize):
        text = str(question.content)
        return Tokenized(id=question.id, tokens=[*map(ord, text)], pieces=[letter.encode() for letter in text])
    return Failed(id=question.id, kind="internal", message="Nothing is scripted.")
