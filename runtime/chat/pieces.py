"""What an answer is made of, piece by piece, whatever the model's own marks for it are."""

from typing import NamedTuple


class Said(NamedTuple):
    """Text for the person who asked."""

    text: str


class Thought(NamedTuple):
    """Text in which the model thinks before it answers."""

    text: str


class CallBegan(NamedTuple):
    """The model calls a tool; `place` counts the calls of this answer from 0."""

    place: int
    id: str
    name: str


class CallGrew(NamedTuple):
    """The next part of a call's arguments; all parts together are one JSON object."""

    place: int
    arguments: str


Piece = Said | Thought | CallBegan | CallGrew
