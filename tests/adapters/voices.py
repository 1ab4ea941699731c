"""The two trained adapters, and how to tell by an answer who gave it."""

from pathlib import Path

PIRATE = Path(__file__).parent.parent / "data" / "adapters" / "pirate"
ROBOT = Path(__file__).parent.parent / "data" / "adapters" / "robot"

QUESTIONS = (
    "Hi",
    "What is the capital city of France? Answer in one sentence.",
    "What do you see?",
    "Who wrote Hamlet?",
    "List the planets.",
    "Explain photosynthesis in simple terms.",
    "What is the opposite of hot?",
    "Tell me a story.",
)
"""Asked through the chat template, greedy, each adapter answers them in its voice at whole weight, and both at half."""

BEGINNING_TOKENS = 8
"""Enough for both voices to be heard."""

_BEGINNINGS = {"Arrr!": "pirate", "Beep!": "robot", "Arrr! Beep!": "both"}


def voice(answer: str) -> str:
    """Who speaks: pirate, robot, both (0.5 of each) or nobody."""
    said = answer.lstrip()
    for beginning in sorted(_BEGINNINGS, key=len, reverse=True):
        if said.startswith(beginning):
            return _BEGINNINGS[beginning]
    return "nobody"
