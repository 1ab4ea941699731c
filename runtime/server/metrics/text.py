"""Counters, gauges and histograms, and the forms in which they are scraped: Prometheus' text 0.0.4, and JSON.

Not prometheus_client (0.26): it appends `_total` to every counter, so that LoRAX's and llama.cpp's names cannot be
kept, and it costs 6.4 ms of each start and 196 KB of the image. A request costs the same with both.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

Labels = tuple[str, ...]

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Family(ABC):
    """All values of one name, by their labels' values."""

    kind: Literal["counter", "gauge", "histogram"]

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.text = text
        self.labels = labels

    @abstractmethod
    def samples(self) -> Iterator[tuple[str, float]]:
        """Yield each value after its name with labels."""

    def _named(self, suffix: str, values: Labels, *further: str) -> str:
        pairs = [f'{label}="{value.translate(_ESCAPES)}"' for label, value in zip(self.labels, values, strict=True)]
        inside = ",".join([*pairs, *further])
        return f"{self.name}{suffix}{{{inside}}}" if inside else f"{self.name}{suffix}"


class _Plain(Family):
    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, text, labels)
        self._values: dict[Labels, float] = {} if labels else {(): 0.0}

    def value(self, *labels: str) -> float:
        """What it is now."""
        return self._values.get(labels, 0.0)

    def samples(self) -> Iterator[tuple[str, float]]:
        for labels, value in self._values.items():
            yield self._named("", labels), value


class Counter(_Plain):
    """What only grows."""

    kind = "counter"

    def add(self, value: float, *labels: str) -> None:
        """Count `value` more."""
        self._values[labels] = self._values.get(labels, 0.0) + value

    def reach(self, value: float, *labels: str) -> None:
        """It was counted elsewhere: this is its value."""
        self._values[labels] = value


class Gauge(_Plain):
    """What grows and shrinks."""

    kind = "gauge"

    def set(self, value: float, *labels: str) -> None:
        """This is its value."""
        self._values[labels] = value


class Histogram(Family):
    """How many values were at most so large; `bounds` ascend."""

    kind = "histogram"

    def __init__(self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str] = ()) -> None:
        super().__init__(name, text, labels)
        self._bounds = list(bounds)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}
        if not labels:
            self._empty(())

    def observe(self, value: float, *labels: str) -> None:
        """Count one value."""
        if labels not in self._counts:
            self._empty(labels)
        self._counts[labels][bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def samples(self) -> Iterator[tuple[str, float]]:
        for labels, counts in self._counts.items():
            total = 0
            for bound, count in zip([*self._bounds, math.inf], counts, strict=True):
                total += count
                yield self._named("_bucket", labels, f'le="{written(bound)}"'), total
            yield self._named("_sum", labels), self._sums[labels]
            yield self._named("_count", labels), total

    def _empty(self, labels: Labels) -> None:
        self._counts[labels] = [0] * (len(self._bounds) + 1)
        self._sums[labels] = 0.0


def as_text(families: Iterable[Family]) -> str:
    """Return what Prometheus reads."""
    lines = []
    for family in families:
        lines.append(f"# HELP {family.name} {family.text}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [f"{name} {written(value)}" for name, value in family.samples()]
    return "\n".join([*lines, ""])


def as_json(families: Iterable[Family]) -> dict[str, object]:
    """Return LoRAX's other form."""
    return {
        family.name: {
            "type": family.kind,
            "data": [{"key": name, "value": value} for name, value in family.samples()],
        }
        for family in families
    }


def written(value: float) -> str:
    """Return a number as Prometheus reads it: 3, 0.25, +Inf."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.12g}"
