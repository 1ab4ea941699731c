"""The hardware report: one line for people at the start, and the same facts for `/props`."""

from typing import NamedTuple, Protocol

from runtime.hardware import accelerators, cpu
from runtime.hardware.accelerators import Accelerator
from runtime.hardware.memory import Memory, memory


class EngineFacts(Protocol):
    """The part of the engine's facts that the line tells."""

    @property
    def cpu_variant(self) -> str: ...
    @property
    def accelerators(self) -> list[str]: ...
    @property
    def n_threads(self) -> int: ...
    @property
    def n_ctx(self) -> int: ...
    @property
    def n_ctx_train(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...


class Report(NamedTuple):
    """What was found on this computer."""

    cpu: str
    cores: int
    memory: Memory
    accelerators: list[Accelerator]

    def as_dict(self) -> dict[str, object]:
        """Return the facts with plain types; sizes in bytes."""
        return {
            "cpu": self.cpu,
            "cores": self.cores,
            "memory_total": self.memory.total,
            "memory_available": self.memory.available,
            "accelerators": [accelerator._asdict() for accelerator in self.accelerators],
        }

    def line(self, engine: EngineFacts) -> str:
        """Return one line that says what the model runs on, and why on nothing else."""
        used = engine.accelerators or [f"CPU ({engine.cpu_variant})"]
        idle = [f"{a.name}: {a.why}" for a in self.accelerators if not (a.usable and engine.accelerators)]
        context = f"context {engine.n_ctx:,}"
        if engine.n_ctx < engine.n_ctx_train:
            context += f" of {engine.n_ctx_train:,}"
        parts = [
            f"{', '.join(used)}, {self.cpu}",
            f"{engine.n_threads} threads of {self.cores} processors",
            context,
            f"memory {engine.memory_bytes / 1e9:.1f} of {self.memory.total / 1e9:.1f} GB",
            *idle,
        ]
        return "; ".join(parts)


def survey() -> Report:
    """Look at this computer; takes up to 5 s where a driver hangs."""
    return Report(cpu.name(), cpu.usable(), memory(), accelerators.survey())
