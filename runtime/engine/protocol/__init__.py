"""The messages between the front and a worker, and how they travel.

One frame = a 4-byte little-endian length and that many bytes of msgpack. Commands go
to the worker, events come back. Every request ends with exactly one event of `Terminal`,
also after `Cancel`; what comes for an unknown id is ignored on both sides.

Does not know: HTTP, dialects, the model.
"""

from runtime.engine.protocol.commands import (
    Adapters,
    Cancel,
    Command,
    Embed,
    Generate,
    Inspect,
    Pooling,
    Request,
    Rerank,
    Shutdown,
    SlotAction,
)
from runtime.engine.protocol.events import (
    Admitting,
    Delta,
    Embedded,
    Event,
    Failed,
    Finished,
    FinishReason,
    Loading,
    ModelFacts,
    Ranked,
    Ready,
    Refused,
    SlotDone,
    SlotState,
    Started,
    State,
    Terminal,
    Timings,
    TokenProbability,
)
from runtime.engine.protocol.frames import MAX_FRAME_BYTES, command, event, frame
from runtime.engine.protocol.sampling import DEFAULT_SAMPLERS, Grammar, SamplerName, Sampling, Seed, Trigger

__all__ = [
    "DEFAULT_SAMPLERS",
    "MAX_FRAME_BYTES",
    "Adapters",
    "Admitting",
    "Cancel",
    "Command",
    "Delta",
    "Embed",
    "Embedded",
    "Event",
    "Failed",
    "FinishReason",
    "Finished",
    "Generate",
    "Grammar",
    "Inspect",
    "Loading",
    "ModelFacts",
    "Pooling",
    "Ranked",
    "Ready",
    "Refused",
    "Request",
    "Rerank",
    "SamplerName",
    "Sampling",
    "Seed",
    "Shutdown",
    "SlotAction",
    "SlotDone",
    "SlotState",
    "Started",
    "State",
    "Terminal",
    "Timings",
    "TokenProbability",
    "Trigger",
    "command",
    "event",
    "frame",
]
