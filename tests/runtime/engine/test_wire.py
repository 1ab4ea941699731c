"""Framing: every message survives every cut; a frame above the limit ends the connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.engine import protocol
from runtime.engine.protocol import MAX_FRAME_BYTES, Cancel, Delta, Generate, Loading, Sampling, Shutdown
from runtime.engine.wire import Frames, FrameTooLong

COMMANDS = [Generate(id=1, prompt="é", sampling=Sampling(seed=5, logit_bias=[(3, -1.5)])), Cancel(1), Shutdown()]
EVENTS = [Loading(0.5), Delta(id=1, text="a", tokens=[1]), Delta(id=2, text="")]


def test_messages_survive_the_way() -> None:
    bodies = list(Frames().feed(b"".join(map(protocol.frame, COMMANDS))))
    assert [protocol.command(body) for body in bodies] == COMMANDS
    bodies = list(Frames().feed(b"".join(map(protocol.frame, EVENTS))))
    assert [protocol.event(body) for body in bodies] == EVENTS


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_frames_survive_every_cut(bodies: list[bytes], steps: list[int]) -> None:
    stream = b"".join(len(body).to_bytes(4, "little") + body for body in bodies)
    frames, found, at = Frames(), [], 0
    for turn in range(len(stream) + 1):
        step = steps[turn % len(steps)]
        found += frames.feed(stream[at : at + step])
        at += step
    assert found == bodies


def test_a_frame_above_the_limit_is_refused_at_once() -> None:
    with pytest.raises(FrameTooLong):
        list(Frames().feed((MAX_FRAME_BYTES + 1).to_bytes(4, "little")))
