"""The trace that a request belongs to already: W3C's `traceparent`, or Zipkin's `b3` in either of its forms."""

import re
from collections.abc import Mapping
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_B3 = re.compile(r"([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?")
_ID = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")

MAX_STATE = 512


class Parent(NamedTuple):
    """The span that a request was sent from; `is_sampled`: whether anybody wants to know of it."""

    trace: str
    span: str
    is_sampled: bool
    state: str = ""


def parent_of(headers: Mapping[str, str]) -> Parent | None:
    """Return what the headers say; None when they say nothing, or nothing sensible. `traceparent` goes first."""
    found = _traceparent(headers) or _b3(headers)
    if found is None or not found.trace.strip("0") or not found.span.strip("0"):
        return None
    return found


def _traceparent(headers: Mapping[str, str]) -> Parent | None:
    given = _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip())
    if given is None or given[1] == "ff" or (given[1] == "00" and given[5]):
        return None
    return Parent(given[2], given[3], bool(int(given[4], 16) & 1), headers.get("tracestate", "")[:MAX_STATE])


def _b3(headers: Mapping[str, str]) -> Parent | None:
    one = _B3.fullmatch(headers.get("b3", "").strip().lower())
    if one is not None:
        return Parent(one[1].zfill(32), one[2], one[3] != "0")
    trace, span = headers.get("X-B3-TraceId", "").lower(), headers.get("X-B3-SpanId", "").lower()
    if not _ID.fullmatch(trace) or not _ID.fullmatch(span) or len(span) != 16:
        return None
    return Parent(trace.zfill(32), span, headers.get("X-B3-Sampled", "1") not in ("0", "false"))
