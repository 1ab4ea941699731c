"""Cuts the byte stream between front and worker into frames (protocol.py says what is in them)."""

from collections.abc import Iterator

from runtime.engine.protocol import MAX_FRAME_BYTES

HEAD_BYTES = 4


class FrameTooLong(Exception):
    """The other side announced a frame above the limit: a bug or an attack."""


class Frames:
    """Collects bytes and gives back the bodies of the frames that are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add `data` and yield every complete body. Raises: FrameTooLong."""
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= HEAD_BYTES:
            size = int.from_bytes(self._buffer[start : start + HEAD_BYTES], "little")
            if size > MAX_FRAME_BYTES:
                raise FrameTooLong(f"a frame of {size} bytes")
            end = start + HEAD_BYTES + size
            if len(self._buffer) < end:
                break
            yield bytes(self._buffer[start + HEAD_BYTES : end])
            start = end
        del self._buffer[:start]
