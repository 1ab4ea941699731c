"""What is read when somebody scrapes: what the engines do now, and how fast they were since the last time."""

import asyncio
from collections.abc import Iterable, Sequence

from runtime.engine.fleet import Fleet, Model
from runtime.engine.protocol import Inspect, State
from runtime.server.metrics.counting import Metrics
from runtime.server.metrics.text import Counter, Family, Gauge

WAIT_S = 1.0
"""For an engine to tell of itself, which it does between two steps; one that does not is left out."""


class Speeds:
    """Tokens per second since the last time, as llama-server tells them."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._before = (0.0, 0.0, 0.0, 0.0)

    def families(self) -> list[Family]:
        """Return both; from now on it is since now."""
        counted = self._metrics.llama
        now = (
            counted.prompt_tokens.value(), counted.prompt_s.value(),
            counted.predicted.value(), counted.predicted_s.value(),
        )  # fmt: skip
        n_prompt, prompt_s, n_predicted, predicted_s = (new - old for new, old in zip(now, self._before, strict=True))
        self._before = now
        prompt = Gauge("llamacpp:prompt_tokens_seconds", "Average prompt throughput in tokens/s")
        predicted = Gauge("llamacpp:predicted_tokens_seconds", "Average generation throughput in tokens/s")
        prompt.set(n_prompt / prompt_s if prompt_s else 0.0)
        predicted.set(n_predicted / predicted_s if predicted_s else 0.0)
        return [prompt, predicted]


async def inspect(fleet: Fleet) -> list[tuple[Model, State]]:
    """Return what the loaded models tell in time."""
    loaded = [model for model in fleet.models if model.status == "loaded"]
    states = await asyncio.gather(*map(_inspect, loaded))
    return [(model, state) for model, state in zip(loaded, states, strict=True) if state is not None]


def engines(states: Sequence[tuple[Model, State]]) -> list[Family]:
    """Return llama.cpp's and LoRAX's gauges over all models, and ours for each."""
    every = [state for _, state in states]
    busy = [slot for state in every for slot in state.slots if slot.request is not None]
    n_steps = sum(state.n_steps for state in every)
    decoded = Counter("llamacpp:n_decode_total", "Total number of llama_decode() calls")
    decoded.add(n_steps)
    n_waiting = sum(state.n_waiting for state in every)
    most = sum(slot.n_prompt + slot.n_predicted + max(0, slot.n_left) for slot in busy)
    told = [
        ("llamacpp:requests_processing", "Number of requests processing", len(busy)),
        ("llamacpp:requests_deferred", "Number of requests deferred", n_waiting),
        (
            "llamacpp:n_busy_slots_per_decode",
            "Average number of busy slots per llama_decode() call",
            sum(state.n_busy for state in every) / max(1, n_steps),
        ),
        ("lorax_queue_length", "Requests without a slot", n_waiting),
        ("lorax_batch_current_size", "Requests that are computed", len(busy)),
        ("lorax_batch_current_max_tokens", "Tokens that they may have at most", most),
    ]
    return [decoded, *(_gauge(*one) for one in told), *_of_each(states)]


def workers(models: Iterable[Model]) -> list[Family]:
    """Return which models are loaded, and how often their workers died."""
    loaded = Gauge("lmfile_model_loaded", "Whether the model is in memory", ["model"])
    deaths = Counter("lmfile_worker_deaths_total", "Workers that died and were replaced", ["model"])
    for model in models:
        loaded.set(model.status == "loaded", model.entry.name)
        deaths.add(model.engine.n_deaths, model.entry.name)
    return [loaded, deaths]


def front(n_running: int, n_connections: int, started: int, build: str) -> list[Family]:
    """Return what is known without any engine."""
    info = Gauge("lmfile_build_info", "The version that runs", ["version"])
    info.set(1, build)
    return [
        info,
        _gauge("lmfile_http_requests_running", "Requests that are being answered", n_running),
        _gauge("lmfile_http_connections", "Connections that are open", n_connections),
        _gauge("process_start_time_seconds", "When it started, since the epoch", started),
    ]


async def _inspect(model: Model) -> State | None:
    try:
        async with asyncio.timeout(WAIT_S):
            state = await model.engine.ask(Inspect(id=model.engine.new_id()))
    except TimeoutError:
        return None
    return state if isinstance(state, State) else None


def _of_each(states: Sequence[tuple[Model, State]]) -> list[Family]:
    slots = Gauge("lmfile_slots", "Requests that can be computed at once", ["model"])
    busy = Gauge("lmfile_slots_busy", "Requests that are computed", ["model"])
    waiting = Gauge("lmfile_requests_waiting", "Requests without a slot", ["model"])
    cells = Gauge("lmfile_kv_cells", "Tokens in the memory, of earlier requests, too", ["model"])
    for model, state in states:
        name = model.entry.name
        slots.set(len(state.slots), name)
        busy.set(sum(slot.request is not None for slot in state.slots), name)
        waiting.set(state.n_waiting, name)
        cells.set(state.n_cells, name)
    return [slots, busy, waiting, cells]


def _gauge(name: str, text: str, value: float) -> Gauge:
    gauge = Gauge(name, text)
    gauge.set(value)
    return gauge
