"""What the servers are asked: short prompts that differ, and long ones of an exact number of tokens."""

import random

from tests.prompts import PROMPTS

QUESTION = "The capital of France is"
FIRST_ID, LAST_ID = 100, 40_000
"""Ordinary tokens in the vocabularies of all models that are compared."""


def prompts(turn: int, n: int) -> list[str]:
    """`n` prompts of which no two begin alike; another `turn` has others."""
    return [f"{turn * n + i}. {PROMPTS[(turn * n + i) % len(PROMPTS)]}" for i in range(n)]


def tokens(seed: int, n: int) -> list[int]:
    """`n` token ids that nobody has asked before with another `seed`."""
    drawn = random.Random(seed)
    return [drawn.randrange(FIRST_ID, LAST_ID) for _ in range(n)]
