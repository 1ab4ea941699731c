"""The spans of a request, in OTLP's JSON: the request, each answer in it, and the three parts of an answer's time.

    POST /v1/chat/completions
    └── chat smollm2                 gen_ai.*: model, settings, tokens, why it ended
        ├── queue                    waiting for a slot
        ├── prefill                  reading the prompt
        └── decode                   writing the answer

Attributes have the names of OpenTelemetry's semantic conventions; nothing that was said is among them.
"""

import secrets
from collections.abc import Iterator, Mapping

from runtime.engine.protocol import Embed, Embedded, Finished, Generate, Ranked, Rerank
from runtime.server.headers import request_id
from runtime.server.observing import Watched, Work
from runtime.server.traces.context import Parent

Span = dict[str, object]
Value = str | bool | int | float | list[str]

INTERNAL, SERVER = 1, 2
"""OTLP's kinds of spans."""
FAILED = 2
"""OTLP's code of a span that went wrong."""


def spans_of(watched: Watched, parent: Parent | None) -> Iterator[Span]:
    """Yield the spans of a request that has ended."""
    trace = parent.trace if parent else secrets.token_hex(16)
    request = watched.request
    attributes: dict[str, Value] = {
        "http.request.method": watched.method,
        "http.route": watched.route,
        "http.response.status_code": watched.status,
        "url.scheme": request.scheme,
        "lmfile.request.id": request_id(request),
    }
    times = watched.unix_ns(watched.began_s), watched.unix_ns(watched.ended_s)
    failure = str(watched.status) if watched.status >= 500 else ""
    root = _span(trace, parent, f"{watched.method} {watched.route}", times, attributes, failure, kind=SERVER)
    yield root
    for work in watched.works:
        if isinstance(work.request, Generate | Embed | Rerank):
            yield from _of_work(watched, work, Parent(trace, str(root["spanId"]), is_sampled=True))


def attributes(given: Mapping[str, Value]) -> list[dict[str, object]]:
    """Return attributes in OTLP's form."""
    return [{"key": name, "value": _value(value)} for name, value in given.items()]


def _of_work(watched: Watched, work: Work, parent: Parent) -> Iterator[Span]:
    operation, known = _generation(work, work.request) if isinstance(work.request, Generate) else _vectors(work)
    known |= {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "lmfile",
        "gen_ai.request.model": work.model,
        "gen_ai.response.model": work.model,
    }
    if work.adapters:
        known["lmfile.adapters"] = work.adapters
    times = watched.unix_ns(work.began_s), watched.unix_ns(work.ended_s)
    span = _span(parent.trace, parent, f"{operation} {work.model}", times, known, work.failure)
    yield span
    if isinstance(work.event, Finished):
        yield from _parts(watched, work, work.event, Parent(parent.trace, str(span["spanId"]), is_sampled=True))


def _generation(work: Work, asked: Generate) -> tuple[str, dict[str, Value]]:
    sampling = asked.sampling
    known: dict[str, Value] = {
        "gen_ai.request.temperature": sampling.temperature,
        "gen_ai.request.top_k": sampling.top_k,
        "gen_ai.request.top_p": sampling.top_p,
        "gen_ai.request.frequency_penalty": sampling.frequency_penalty,
        "gen_ai.request.presence_penalty": sampling.presence_penalty,
    }
    if asked.max_tokens >= 0:
        known["gen_ai.request.max_tokens"] = asked.max_tokens
    if isinstance(work.event, Finished):
        timings = work.event.timings
        known["gen_ai.request.seed"] = work.event.seed
        known["gen_ai.response.finish_reasons"] = [work.event.reason]
        known["gen_ai.usage.input_tokens"] = timings.cache_n + timings.prompt_n
        known["gen_ai.usage.cache_read.input_tokens"] = timings.cache_n
        known["gen_ai.usage.output_tokens"] = timings.predicted_n
    return "chat" if asked.chat else "text_completion", known


def _vectors(work: Work) -> tuple[str, dict[str, Value]]:
    known: dict[str, Value] = {}
    if isinstance(work.event, Embedded):
        known["gen_ai.usage.input_tokens"] = sum(work.event.n_tokens)
    elif isinstance(work.event, Ranked):
        known["gen_ai.usage.input_tokens"] = work.event.n_tokens
    return "embeddings" if isinstance(work.request, Embed) else "rerank", known


def _parts(watched: Watched, work: Work, finished: Finished, parent: Parent) -> Iterator[Span]:
    """The engine tells how long each part took, not when it began: the last one ended with the answer."""
    decoding = work.ended_s - finished.timings.predicted_ms / 1000
    reading = decoding - finished.timings.prompt_ms / 1000
    ends = [work.began_s, max(work.began_s, reading), max(work.began_s, decoding), work.ended_s]
    for name, begin, end in zip(("queue", "prefill", "decode"), ends[:-1], ends[1:], strict=True):
        yield _span(parent.trace, parent, name, (watched.unix_ns(begin), watched.unix_ns(end)), {}, "")


def _span(
    trace: str,
    parent: Parent | None,
    name: str,
    times_ns: tuple[int, int],
    known: dict[str, Value],
    failure: str,
    kind: int = INTERNAL,
) -> Span:
    span: Span = {
        "traceId": trace,
        "spanId": secrets.token_hex(8),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(times_ns[0]),
        "endTimeUnixNano": str(times_ns[1]),
        "attributes": attributes({**known, **({"error.type": failure} if failure else {})}),
        "status": {"code": FAILED} if failure else {},
    }
    if parent is not None:
        span["parentSpanId"] = parent.span
        if parent.state:
            span["traceState"] = parent.state
    return span


def _value(value: Value) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}  # 64 bits are a string in protobuf's JSON
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    return {"arrayValue": {"values": [_value(one) for one in value]}}
