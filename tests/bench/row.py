"""A line of the table: pairs of measurements that were taken in turns, and the ratio they must reach."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

LMFILE = "lmfile"
Measured = TypeVar("Measured")


@dataclass
class Row:
    """`bar`: what the median of the pairs' ratios must reach; `higher`: whether more is better."""

    name: str
    unit: str
    bar: float
    higher: bool
    pairs: list[tuple[float, float]] = field(default_factory=list)
    peers: dict[str, float] = field(default_factory=dict)
    """The medians of all settings of the peer that were tried, where there is more than one."""

    @property
    def ratio(self) -> float:
        return statistics.median(ours / theirs for ours, theirs in self.pairs)

    @property
    def medians(self) -> tuple[float, float]:
        return statistics.median(p[0] for p in self.pairs), statistics.median(p[1] for p in self.pairs)

    @property
    def passed(self) -> bool:
        return self.ratio >= self.bar if self.higher else self.ratio <= self.bar

    @property
    def line(self) -> str:
        """As the table shows it."""
        ours, theirs = self.medians
        sign = ">=" if self.higher else "<="
        mark = "" if self.passed else "  missed"
        tried = ", ".join(f"{setting} {value:.3g}" for setting, value in self.peers.items())
        notes = f"{mark}  ({tried})" if tried else mark
        values = f"{ours:>10.3f}{theirs:>10.3f}  {self.unit:<9}{self.ratio:>7.2f}{sign:>4} {self.bar:.2f}"
        return f"{self.name:<52}{values}{notes}"


def against_better(row: Row, turns: Sequence[Mapping[str, Measured]], value: Callable[[Measured], float]) -> Row:
    """Fill `row` from turns (measurements by contestant): lmfile against the peer's setting that does best."""
    row.peers = {name: statistics.median(value(turn[name]) for turn in turns) for name in turns[0] if name != LMFILE}
    best = (max if row.higher else min)(row.peers, key=lambda name: row.peers[name])
    return against(row, turns, value, best)


def against(row: Row, turns: Sequence[Mapping[str, Measured]], value: Callable[[Measured], float], peer: str) -> Row:
    """Fill `row` from turns: lmfile against one of the others."""
    row.pairs = [(value(turn[LMFILE]), value(turn[peer])) for turn in turns]
    return row


def counted(name: str, found: int, of: int, *, at_least: int) -> Row:
    """A row that counts: how many of `of` were as they must be."""
    return Row(f"{name}, of {of}", "", 1.0, higher=True, pairs=[(found, at_least)])
