"""Gives an executable and its sidecar their names: both or neither, and an older pair stays one until then.

Two files cannot get their names at one moment. The weights get theirs first, and those that an
older executable needs stay beside it under another name meanwhile, by which it finds them
(runtime/payload/sidecar.py): whenever the power fails, what has a name is whole and starts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import PayloadDamaged, UsageError
from runtime.payload import Payload
from runtime.payload.sidecar import ENDING, HEADER_BYTES, Header


def check(weights: Path) -> None:
    """Raise a UsageError if `weights` is a file that is not ours to replace: other programs use this ending, too."""
    if weights.exists() and _identity(weights) is None:
        raise UsageError(
            f"Writing `{weights}`: the file exists and does not hold an executable's weights; choose another name."
        )


def publish(executable: Path, output: Path, sidecar: Path, weights: Path) -> Path | None:
    """Rename the finished files `sidecar` to `weights` and `executable` to `output`.

    -> where earlier weights went that `output` did not use: another executable may. Raises: OSError.
    """
    old, new = _identity(weights), _identity(sidecar)
    if old is None or old == new:
        sidecar.replace(weights)
        executable.replace(output)
        return None
    kept = weights.with_name(f"{weights.name.removesuffix(ENDING)}.{old[:12]}{ENDING}")
    is_of_output = _wanted(output) == old
    with _moved(weights, kept):
        sidecar.replace(weights)
        executable.replace(output)
    if is_of_output:
        kept.unlink()
        return None
    return kept


@contextmanager
def _moved(weights: Path, kept: Path) -> Iterator[None]:
    """Have the earlier weights at `kept`; back where they were if the block fails."""
    weights.replace(kept)
    done = False
    try:
        yield
        done = True
    finally:
        if not done:
            kept.replace(weights)


def _identity(weights: Path) -> str | None:
    try:
        with weights.open("rb") as file:
            return Header.unpack(file.read(HEADER_BYTES)).identity
    except (OSError, ValueError):
        return None


def _wanted(executable: Path) -> str | None:
    """The identity of the weights that `executable` needs beside itself."""
    try:
        beside = Payload.open(executable).manifest.sidecar
    except (PayloadDamaged, OSError):
        return None
    return beside.identity if beside else None
