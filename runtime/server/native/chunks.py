"""The events of a streamed answer, and the parts of one that a client has chosen."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET

from runtime.engine.protocol import Delta, Generate, Progress
from runtime.server.completed import told_probabilities
from runtime.server.counts import prompt_progress, timings
from runtime.server.generation import Answer
from runtime.server.sse import Chunk
from runtime.server.stopwatch import Stopwatch


def chunk(index: int, event: Delta | Progress, asked: Generate, answer: Answer, watch: Stopwatch | None) -> Chunk:
    """A part of a streamed answer; with `watch` also how long it took so far."""
    found: dict[str, object] = {
        "index": index,
        "content": event.text if isinstance(event, Delta) else "",
        "tokens": event.tokens if isinstance(event, Delta) else [],
        "stop": False,
        "id_slot": answer.slot,
        "tokens_predicted": answer.n_predicted,
        "tokens_evaluated": answer.n_prompt,
    }
    if isinstance(event, Progress):
        found["prompt_progress"] = prompt_progress(event)
    elif event.probabilities:
        found["completion_probabilities"] = told_probabilities(asked, event.probabilities)
    if watch is not None:
        found["timings"] = timings(watch.read())
    return found


def selected(answer: Mapping[str, object], paths: Sequence[str]) -> Mapping[str, object]:
    """Only what `paths` name, each under its path; `generation_settings/top_k` is a value inside another."""
    found = {}
    for path in paths:
        value: object = answer
        for name in path.split("/"):
            value = value.get(name, UNSET) if isinstance(value, Mapping) else UNSET
        if value is not UNSET:
            found[path] = value
    return found
