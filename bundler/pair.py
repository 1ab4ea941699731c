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
    there, new, used = _identity(weights), _identity(sidecar), _wanted(output)
    with _moved(weights, _kept(weights, there) if there not in (None, new) else None, stays=there == new):
        sidecar.replace(weights)
        executable.replace(output)
    if used not in (None, new) and _identity(_kept(weights, used)) == used:
        _kept(weights, used).unlink()  # of this time, or of one that a power cut ended
    return None if there in (None, new, used) else _kept(weights, there)


def _kept(weights: Path, identity: str | None) -> Path:
    """What weights of this identity are called while others have their name."""
    return weights.with_name(f"{weights.name.removesuffix(ENDING)}.{(identity or '')[:12]}{ENDING}")


@contextmanager
def _moved(weights: Path, kept: Path | None, stays: bool) -> Iterator[None]:
    """Have earlier weights at `kept`; if the block fails they are back, and new ones are gone unless they may stay."""
    if kept:
        weights.replace(kept)
    done = False
    try:
        yield
        done = True
    finally:
        if not done and kept:
            kept.replace(weights)
        elif not done and not stays:
            weights.unlink(missing_ok=True)


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
