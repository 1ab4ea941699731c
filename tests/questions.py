"""What the tests ask the two models, and what these answer."""

from pathlib import Path

TINY_MODEL = Path(__file__).parent / "data" / "tinyvlm-F16.gguf"
"""0.4 MB, and one answer to everything: for a test that is not about the answer."""

CALM = ("--temp", "0", "-t", "1")
"""One thread: two threads wait for each other, and on a busy computer each token takes twenty times as long."""

FRANCE = "What is the capital city of France? Answer in one sentence."
PARIS = "The capital city of France is Paris.\n"

SEE = (*CALM, "-p", "What do you see?")
SEEN = "I see no image\n"

TALE = "Once upon a time there was a"
POEM = "Write a very long story about a ship, with a hundred chapters. Begin with chapter 1."
"""SmolLM2 takes thousands of tokens to answer it."""
LONG = "All work and no play makes Jack a dull boy. " * 600
"""6,600 tokens, seconds to read; the context holds 8,192."""
