"""Traces: where they go, whose they are, what is in them, and a collector that is there, away, or ill-tempered."""

import asyncio
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import UsageError
from runtime.server.traces import exporter, post
from runtime.server.traces.context import Parent, parent_of
from runtime.server.traces.settings import TraceSettings, trace_settings
from tests.collector import WAIT_S, Collector, collecting
from tests.runtime.server.live import Live, ScriptedEngine, fail, say

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CHAT = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "my dear secret"}],
    "max_tokens": 9,
    "temperature": 0.5,
}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "RETRY_S", 0.05)


@pytest.fixture
def traced(start: Callable[..., Live], collector: Collector) -> Live:
    settings, _ = trace_settings(collector.url, {**SOON, "OTEL_EXPORTER_OTLP_HEADERS": "x-team=a%20b"})
    return start(ScriptedEngine(), traces=settings)


def values(span: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a span; 64 bits are written as strings."""

    def value(of: dict[str, Any]) -> Any:
        ((kind, inside),) = of.items()
        if kind == "intValue":
            assert isinstance(inside, str)
            return int(inside)
        return [value(one) for one in inside["values"]] if kind == "arrayValue" else inside

    return {one["key"]: value(one["value"]) for one in span["attributes"]}


def test_a_request_is_a_tree_of_spans(traced: Live, collector: Collector) -> None:
    began_ns = time.time_ns()
    reply = traced.post("/v1/chat/completions", CHAT, traceparent=f"00-{TRACE}-{SPAN}-01", tracestate="a=b")
    root, answer, *parts = collector.spans()
    assert {span["traceId"] for span in (root, answer, *parts)} == {TRACE}
    assert (root["name"], root["kind"], root["parentSpanId"]) == ("POST /v1/chat/completions", 2, SPAN)
    assert root["traceState"] == "a=b"
    assert values(root) == {
        "http.request.method": "POST", "http.route": "/v1/chat/completions", "http.response.status_code": 200,
        "url.scheme": "http", "lmfile.request.id": reply.headers["X-Request-Id"],
    }  # fmt: skip
    assert (answer["name"], answer["kind"], answer["parentSpanId"]) == ("chat tiny", 1, root["spanId"])
    known = values(answer)
    assert {name: known[name] for name in known if "usage" in name or "finish" in name or "max" in name} == {
        "gen_ai.request.max_tokens": 9, "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 3, "gen_ai.response.finish_reasons": ["stop"],
    }  # fmt: skip
    assert (known["gen_ai.operation.name"], known["gen_ai.provider.name"]) == ("chat", "lmfile")
    assert (known["gen_ai.request.model"], known["gen_ai.request.temperature"]) == ("tiny", 0.5)
    assert [part["name"] for part in parts] == ["queue", "prefill", "decode"]
    assert {part["parentSpanId"] for part in parts} == {answer["spanId"]}
    edges = [int(part[edge]) for part in parts for edge in ("startTimeUnixNano", "endTimeUnixNano")]
    assert edges == sorted(edges)
    assert began_ns <= int(root["startTimeUnixNano"]) <= edges[0]
    assert edges[-1] <= int(root["endTimeUnixNano"]) <= time.time_ns()
    assert "secret" not in json.dumps([root, answer, *parts])


def test_who_we_are_and_what_is_sent_along(collector: Collector, start: Callable[..., Live]) -> None:
    environ = {
        "OTEL_SERVICE_NAME": "mine",
        "OTEL_RESOURCE_ATTRIBUTES": "a=b,service.name=x",
        "OTEL_EXPORTER_OTLP_HEADERS": "k=v",
    }
    settings, _ = trace_settings(collector.url, {**SOON, **environ})
    start(ScriptedEngine(), traces=settings).get("/health")
    _, headers, body = collector.got.get(timeout=WAIT_S)
    assert headers["k"] == "v"
    resource = values(body["resourceSpans"][0]["resource"])
    assert (resource["service.name"], resource["a"]) == ("mine", "b")
    assert resource["service.version"]


def test_failures_and_streams(traced: Live, collector: Collector) -> None:
    traced.engine.script = fail("died", "gone")
    traced.post("/completion", {"prompt": "x"})
    root, answer = collector.spans()
    assert root["status"] == answer["status"] == {"code": 2}
    assert (values(root)["error.type"], values(answer)["error.type"]) == ("503", "died")
    assert answer["name"] == "text_completion tiny"
    traced.engine.script = say("a", "b")
    traced.post("/completion", {"prompt": ["x", "y"], "stream": True})
    spans = collector.spans()
    assert [span["name"] for span in spans].count("decode") == 2
    assert len({span["spanId"] for span in spans}) == len(spans) == 9


def test_nobody_wants_to_know(traced: Live, collector: Collector) -> None:
    traced.get("/health", {"traceparent": f"00-{TRACE}-{SPAN}-00"})
    traced.get("/health", {"b3": f"{TRACE}-{SPAN}-0"})
    traced.get("/props")
    (root,) = collector.spans()
    assert root["name"] == "GET /props"
    assert "parentSpanId" not in root


def test_what_is_left_is_sent_at_the_end(collector: Collector, start: Callable[..., Live]) -> None:
    settings, _ = trace_settings(collector.url, {})
    live = start(ScriptedEngine(), traces=settings)
    live.get("/props")
    assert collector.got.empty()  # until 5 s have gone by
    assert live.close() < 2
    assert collector.spans()[0]["name"] == "GET /props"


def test_a_collector_that_is_busy_gets_the_batch_later(traced: Live, collector: Collector) -> None:
    collector.status = 503
    traced.get("/props")
    first = collector.spans()
    collector.status = 200
    while (again := collector.spans()) and collector.got.empty() and again != first:
        pass
    assert again == first
    collector.status = 400
    traced.get("/health")
    assert collector.spans()[0]["name"] == "GET /health"
    collector.status = 200
    traced.get("/slots")
    names = [span["name"] for span in collector.spans()]
    assert names == ["GET /slots"]  # what was refused for good is not sent again


def test_a_collector_that_is_away_costs_nothing(start: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "MAX_SPANS", 10)
    settings, _ = trace_settings("http://127.0.0.1:9", SOON)
    live = start(ScriptedEngine(), traces=settings)
    for _ in range(30):
        assert live.get("/props").status == 200
    assert live.close() < 3


def test_tls(collector: Collector, start: Callable[..., Live], tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    collector.socket = context.wrap_socket(collector.socket, server_side=True)
    url = collector.url.replace("http:", "https:")
    settings, _ = trace_settings(url, {**SOON, "OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate)})
    assert settings is not None
    assert settings.is_encrypted
    start(ScriptedEngine(), traces=settings).get("/props")
    assert collector.spans()[0]["name"] == "GET /props"
    assert collector.got.empty()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, Parent(TRACE, SPAN, True)),
        ({"traceparent": f"00-{TRACE}-{SPAN}-00", "b3": "0"}, Parent(TRACE, SPAN, False)),
        ({"traceparent": f"01-{TRACE}-{SPAN}-03-more"}, Parent(TRACE, SPAN, True)),
        ({"traceparent": f"00-{TRACE}-{SPAN}-01-more"}, None),
        ({"traceparent": f"ff-{TRACE}-{SPAN}-01"}, None),
        ({"traceparent": f"00-{'0' * 32}-{SPAN}-01"}, None),
        ({"traceparent": f"00-{TRACE}-{'0' * 16}-01"}, None),
        ({"traceparent": f"00-{TRACE.upper()}-{SPAN}-01"}, None),
        ({"b3": f"{TRACE}-{SPAN}-1-{SPAN}"}, Parent(TRACE, SPAN, True)),
        ({"b3": f"{TRACE[16:]}-{SPAN}"}, Parent(TRACE[16:].zfill(32), SPAN, True)),
        ({"b3": f"{TRACE}-{SPAN}-d"}, Parent(TRACE, SPAN, True)),
        ({"b3": "0"}, None),
        ({"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "0"}, Parent(TRACE, SPAN, False)),
        ({"X-B3-TraceId": TRACE}, None),
        ({"X-B3-TraceId": "x" * 10_000, "X-B3-SpanId": SPAN}, None),
        ({}, None),
    ],
)
def test_whose_child_a_request_is(headers: dict[str, str], expected: Parent | None) -> None:
    assert parent_of(headers) == expected


URL = "http://c:4318"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL}, f"{URL}/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"{URL}/x/"}, f"{URL}/x/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{URL}/own", "OTEL_EXPORTER_OTLP_ENDPOINT": URL}, f"{URL}/own"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_the_environment_says_where_to(environ: dict[str, str], url: str | None) -> None:
    settings, warning = trace_settings(None, environ)
    assert (settings and settings.url) == url
    assert not warning


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:99999"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:secret@c"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c\r\nX: y"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
def test_a_wrong_environment_stops_nothing(environ: dict[str, str]) -> None:
    settings, warning = trace_settings(None, environ)
    assert settings is None
    assert "no traces are sent" in warning


def test_a_wrong_flag_stops_the_start() -> None:
    with pytest.raises(UsageError, match="--otlp-endpoint"):
        trace_settings("localhost:4318", {})
    with pytest.raises(UsageError, match="is `c`; write") as refused:
        trace_settings("http://me:secret@c", {})
    assert "secret" not in str(refused.value)
    settings, _ = trace_settings("http://c", {"OTEL_EXPORTER_OTLP_HEADERS": "a=b%0d%0aX: y,=,c=d"})
    assert settings == TraceSettings("http://c/v1/traces", headers=(("c", "d"),))


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 many\r\n\r\n", b"x" * 100_000])
def test_what_does_not_speak_http(said: bytes) -> None:
    async def talk() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"[]")
            writer.write(said)
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ConnectionError, match="it "):
                await post.post(TraceSettings(f"http://127.0.0.1:{port}/v1/traces"), b"[]")

    asyncio.run(talk())
    assert post.LIMIT_S <= 10


@pytest.mark.parametrize(("given", "every_s"), [("", 5), ("250", 0.25), ("0", 0.05), ("soon", 5), ("9" * 9, 5)])
def test_how_often_it_is_sent(given: str, every_s: float) -> None:
    settings, _ = trace_settings(URL, {"OTEL_BSP_SCHEDULE_DELAY": given})
    assert settings is not None
    assert settings.every_s == every_s
