"""A message as bytes and back: a 4-byte little-endian length, then msgpack."""

import msgspec

from runtime.engine.protocol.commands import Command
from runtime.engine.protocol.events import Event

MAX_FRAME_BYTES = 64 << 20
"""A longer frame is a bug or an attack: the reader closes the connection."""

_encoder = msgspec.msgpack.Encoder()
_command_decoder = msgspec.msgpack.Decoder(Command)
_event_decoder = msgspec.msgpack.Decoder(Event)


def frame(message: Command | Event) -> bytes:
    """Return the bytes that carry `message`."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "little") + body


def command(body: bytes) -> Command:
    """Decode the body of a frame that went to the worker. Raises: msgspec.MsgspecError."""
    decoded: Command = _command_decoder.decode(body)
    return decoded


def event(body: bytes) -> Event:
    """Decode the body of a frame that came from the worker. Raises: msgspec.MsgspecError."""
    decoded: Event = _event_decoder.decode(body)
    return decoded
