"""What this computer offers to the engine: processor, memory, accelerators, and why each is used or not."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.hardware.survey import Report


def report() -> "Report":
    """Survey this computer; takes up to 5 s where a driver hangs. Imports what it needs only now."""
    from runtime.hardware.survey import survey

    return survey()
