"""What is scraped: the names of llama.cpp and LoRAX, what is counted under them, and what stays bounded."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from runtime.engine.protocol import (
    Adapters,
    Embed,
    Embedded,
    Failed,
    Finished,
    Generate,
    Inspect,
    Question,
    SlotState,
    State,
    Terminal,
    Timings,
)
from runtime.server.metrics import state
from runtime.server.metrics.counting import DURATIONS_S, MAX_ADAPTERS, Metrics
from runtime.server.metrics.text import Counter, Gauge, Histogram, as_json, as_text
from runtime.server.observing import UNROUTED, Watched, Work
from tests.runtime.server.live import Live, ScriptedEngine, fail, say

LLAMA_CPP = [
    "prompt_tokens_total", "prompt_tokens_cached_total", "prompt_seconds_total", "tokens_predicted_total",
    "tokens_predicted_seconds_total", "n_decode_total", "n_tokens_max", "spec_decode_num_draft_tokens_total",
    "spec_decode_num_accepted_tokens_total", "spec_decode_num_drafts_total", "prompt_tokens_seconds",
    "predicted_tokens_seconds", "requests_processing", "requests_deferred", "n_busy_slots_per_decode",
]  # fmt: skip
LORAX = [
    "request_count", "request_success", "request_failure", "request_duration", "request_queue_duration",
    "request_validation_duration", "request_inference_duration", "request_mean_time_per_token_duration",
    "request_generated_tokens", "request_input_length", "request_max_new_tokens", "request_input_count", "queue_length",
    "batch_current_size", "batch_current_max_tokens",
]  # fmt: skip
LINE = re.compile(r'([a-zA-Z_:][\w:]*)(\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+\})? ([-+]?[\w.+-]+)')
CHAT = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def busy(start: Callable[..., Live]) -> Live:
    """A server of its own: what it has counted is known."""

    def answers(request: Question) -> State:
        assert isinstance(request, Inspect)
        slots = [SlotState(slot=0, request=7, n_prompt=10, n_predicted=5, n_left=20), SlotState(slot=1)]
        return State(
            id=request.id, slots=slots, n_waiting=3, n_cells=99, n_sequences=1, adapters=[], n_steps=10, n_threads=1,
            n_busy=15,
        )  # fmt: skip

    return start(ScriptedEngine(answers=answers))


def scraped(server: Live) -> dict[str, float]:
    """Each value by its name with labels; every line must be one that Prometheus can read."""
    reply = server.get("/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(reply.headers["Process-Start-Time-Unix"]) > 1_000_000_000
    values: dict[str, float] = {}
    for line in reply.body.decode().splitlines():
        if line.startswith("# "):
            assert re.fullmatch(r"# (HELP|TYPE) [a-zA-Z_:][\w:]* .+", line), line
            continue
        matched = LINE.fullmatch(line)
        assert matched, line
        assert matched[1] + (matched[2] or "") not in values, line
        values[matched[1] + (matched[2] or "")] = float(matched[3])
    return values


def test_all_names_are_there_from_the_start(busy: Live) -> None:
    values = scraped(busy)
    for name in LLAMA_CPP:
        assert f"llamacpp:{name}" in values
    types = re.findall(r"# TYPE lorax_(\w+) \w+", busy.get("/metrics").body.decode())
    assert sorted(types) == sorted(LORAX)
    buckets = [name for name in values if name.startswith("lorax_request_duration_bucket")]
    assert len(buckets) == 36
    assert 'lorax_request_duration_bucket{le="0.00015"}' in buckets
    assert 'lorax_request_duration_bucket{le="+Inf"}' in buckets


def test_an_answer_is_counted_once_under_all_names(busy: Live) -> None:
    scraped(busy)
    assert busy.post("/v1/chat/completions", CHAT).status == 200
    assert busy.post("/completion", {"prompt": "x", "n_predict": 8, "stream": True}).status == 200
    values = scraped(busy)
    assert values["llamacpp:prompt_tokens_total"] == 4
    assert values["llamacpp:prompt_tokens_cached_total"] == 6
    assert values["llamacpp:prompt_seconds_total"] == pytest.approx(0.008)
    assert values["llamacpp:tokens_predicted_total"] == 6
    assert values["llamacpp:tokens_predicted_seconds_total"] == pytest.approx(0.02)
    assert values["llamacpp:prompt_tokens_seconds"] == pytest.approx(500)
    assert values["llamacpp:predicted_tokens_seconds"] == pytest.approx(300)
    assert values["llamacpp:n_tokens_max"] == 8
    assert (values["lorax_request_count"], values["lorax_request_success"]) == (2, 2)
    assert values["lorax_request_generated_tokens_sum"] == 6
    assert values["lorax_request_max_new_tokens_sum"] == 8
    assert values["lorax_request_duration_count"] == values['lorax_request_duration_bucket{le="+Inf"}'] == 2
    assert values['lmfile_answers_total{model="tiny",adapter=""}'] == 2
    assert values['lmfile_http_requests_total{method="POST",route="/completion",status="200"}'] == 1
    assert scraped(busy)["llamacpp:prompt_tokens_seconds"] == 0  # nothing since


def test_what_the_engine_tells(busy: Live) -> None:
    values = scraped(busy)
    assert values["llamacpp:requests_processing"] == values["lorax_batch_current_size"] == 1
    assert values["llamacpp:requests_deferred"] == values["lorax_queue_length"] == 3
    assert values["llamacpp:n_decode_total"] == 10
    assert values["llamacpp:n_busy_slots_per_decode"] == 1.5
    assert values["lorax_batch_current_max_tokens"] == 35
    assert values['lmfile_kv_cells{model="tiny"}'] == 99
    assert values['lmfile_worker_deaths_total{model="tiny"}'] == 0
    assert values["lmfile_http_requests_running"] == 1


def test_an_engine_that_does_not_answer_is_not_waited_for(start: Callable[..., Live]) -> None:
    silent = start()
    values = scraped(silent)
    assert values["llamacpp:requests_processing"] == 0
    assert 'lmfile_slots{model="tiny"}' not in values
    asleep = start(ScriptedEngine(state="unloaded"))
    assert scraped(asleep)['lmfile_model_loaded{model="tiny"}'] == 0
    assert asleep.engine.singles == []
    assert state.WAIT_S <= 1


def test_failures_have_lorax_words(busy: Live) -> None:
    for kind in ("busy", "context", "died", "missing"):
        busy.engine.script = fail(kind, "no")
        busy.post("/v1/chat/completions", CHAT)
    busy.post("/v1/chat/completions", {"messages": 1})
    values = scraped(busy)
    for word, count in (("overloaded", 1), ("validation", 2), ("generation", 1), ("load_adapter", 1)):
        assert values[f'lorax_request_failure{{err="{word}"}}'] == count
    assert (values["lorax_request_count"], values["lorax_request_success"]) == (5, 0)


def test_methods_that_people_invent_are_no_labels(busy: Live) -> None:
    for number in range(5):
        busy.raw(f"BREW{number} /health HTTP/1.1\r\nHost: 127.0.0.1:{busy.port}\r\nConnection: close\r\n\r\n".encode())
        busy.request("PROPFIND", "/health")
    counted = [name for name in scraped(busy) if name.startswith("lmfile_http_requests_total")]
    assert not any("BREW" in name or "PROPFIND" in name for name in counted)
    assert len(counted) <= 2


def test_addresses_that_people_invent_are_no_labels(busy: Live) -> None:
    for number in range(20):
        busy.get(f"/nowhere/{number}")
        busy.request("POST", f"/slots/{number}", {})
    values = scraped(busy)
    assert values[f'lmfile_http_requests_total{{method="GET",route="{UNROUTED}",status="404"}}'] == 20
    assert sum("lmfile_http_requests_total" in name for name in values) == 2


def test_json_for_lorax(busy: Live) -> None:
    reply = busy.get("/metrics", {"Accept": "application/json"})
    assert reply.json()["lorax_queue_length"] == {
        "type": "gauge", "data": [{"key": "lorax_queue_length", "value": 3}],
    }  # fmt: skip


def answered(adapters: Adapters | None) -> Watched:
    """A request that was answered with these adapters."""
    request = SimpleNamespace(method="POST", match_info=SimpleNamespace(route=SimpleNamespace(resource=None)))
    watched = Watched(cast(Any, request))
    work = Work("tiny", Generate(id=1, prompt="x", adapters=adapters))
    timings = Timings(cache_n=0, prompt_n=1, prompt_ms=1, predicted_n=1, predicted_ms=0)
    work.end(Finished(id=1, reason="stop", timings=timings, seed=1))
    watched.works.append(work)
    return watched


def test_adapters_are_labels_up_to_a_bound() -> None:
    metrics = Metrics()
    for number in range(MAX_ADAPTERS + 10):
        metrics.finished(answered([(f"a{number}", 1.0), ("b", 0.5)]))
    metrics.finished(answered(None))
    text = as_text(metrics.families())
    assert len(re.findall(r"^lmfile_answers_total\{", text, re.MULTILINE)) == MAX_ADAPTERS + 2
    assert 'lmfile_answers_total{model="tiny",adapter="a0+b"} 1' in text
    assert 'lmfile_answers_total{model="tiny",adapter="other"} 10' in text


def test_the_text_form() -> None:
    counter, gauge = Counter("c", "counted", ["a", "b"]), Gauge("g", "measured")
    counter.add(1, 'x"\\\n', "y")
    counter.add(2.5, 'x"\\\n', "y")
    gauge.set(1e15)
    histogram = Histogram("h", "spread", [1, 2])
    for value in (0.5, 1, 1.5, 7):
        histogram.observe(value)
    assert as_text([counter, gauge, histogram]) == (
        '# HELP c counted\n# TYPE c counter\nc{a="x\\"\\\\\\n",b="y"} 3.5\n'
        "# HELP g measured\n# TYPE g gauge\ng 1e+15\n"
        '# HELP h spread\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="2"} 3\nh_bucket{le="+Inf"} 4\n'
        "h_sum 10\nh_count 4\n"
    )
    assert as_json([gauge]) == {"g": {"type": "gauge", "data": [{"key": "g", "value": 1e15}]}}
    assert len(DURATIONS_S) == 35


def test_said_twice_is_counted_apart(busy: Live) -> None:
    busy.engine.script = say("a")
    busy.post("/completion", {"prompt": ["x", "y"], "n_predict": 1})
    assert scraped(busy)["lorax_request_count"] == 2


def test_vectors_are_counted(start: Callable[..., Live]) -> None:
    def answers(request: Question) -> Terminal:
        if isinstance(request, Embed) and len(request.inputs) > 1:
            return Embedded(id=request.id, vectors=[[b"\0" * 256]] * 2, n_tokens=[3, 4])
        return Failed(id=request.id, kind="internal", message="no")

    live = start(ScriptedEngine(answers=answers))
    assert live.post("/v1/embeddings", {"input": ["x", "y"]}).status == 200
    assert live.post("/v1/embeddings", {"input": "x"}).status == 500
    values = scraped(live)
    assert (values["lorax_request_count"], values["lorax_request_success"]) == (2, 1)
    assert values['lorax_request_failure{err="embedding_failure"}'] == 1
    assert values["lorax_request_input_count_sum"] == 3
    assert values['lmfile_embedded_texts_total{model="tiny"}'] == 2
    assert values['lmfile_embedded_tokens_total{model="tiny"}'] == 7
