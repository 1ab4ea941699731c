"""How a worker process ended: told for people, and judged for the supervisor."""

import signal
from typing import NamedTuple

LAST_WORDS_CHARACTERS = 200

FAULT_SIGNALS = frozenset({"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"})

FAULT_STATUSES = frozenset(
    {
        3,  # abort() of Microsoft's C runtime
        0x80000003,  # breakpoint: a failed check
        0xC0000005,  # access violation
        0xC000001D,  # illegal instruction
        0xC0000094,  # integer division by zero
        0xC00000FD,  # stack overflow
        0xC0000374,  # heap corruption
        0xC0000409,  # fail fast
    }
)
"""Exit statuses of Windows, where no signals are."""


class Death(NamedTuple):
    """The sentence's end for people, and whether native code broke: not the kernel or a person ended it."""

    text: str
    is_fault: bool


def death(status: int | None, log_tail: str, stopped_by: str = "") -> Death:
    """Judge the exit `status`, negative for a signal, and the end of what the process wrote.

    stopped_by: why the front itself ended the process, if it did.
    """
    if stopped_by:
        return Death(stopped_by, is_fault=False)
    lines = [line.strip() for line in log_tail.splitlines() if line.strip()]
    said = "".join(c for c in lines[-1] if c.isprintable())[:LAST_WORDS_CHARACTERS] if lines else ""
    is_fault = _is_fault(status)
    # What stood in the log when somebody else ended it is no reason: llama.cpp's notes of its last batch.
    has_reason = said and (is_fault or status is None or status >= 0)
    return Death(f"{_how(status)}, saying `{said}`" if has_reason else _how(status), is_fault)


def _how(status: int | None) -> str:
    if status is None:
        return "it closed its connection"
    if status < 0:
        return f"it was ended by {_signal_name(-status)}"
    return f"it ended with status {status if status < 256 else f'{status:#010x}'}"


def _is_fault(status: int | None) -> bool:
    if status is None:
        return False
    return _signal_name(-status) in FAULT_SIGNALS if status < 0 else status in FAULT_STATUSES


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
