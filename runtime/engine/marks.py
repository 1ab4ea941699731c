"""Which special tokens are part of an answer's text: the marks of tool calls and thoughts, in most models."""

from runtime.engine.backend import Backend, InvalidRequest

MAX_MARKS = 1024
MAX_CHARACTERS = 256
"""No special token is longer."""


def marks(texts: list[str], backend: Backend) -> dict[int, bytes]:
    """Return the tokens of these texts with their bytes, but for those that end the turn. Raises: InvalidRequest.

    What is no single token to the model is said in tokens that are shown anyway.
    """
    if len(texts) > MAX_MARKS:
        raise InvalidRequest(f"there are {len(texts)} special tokens to show; expected at most {MAX_MARKS}")
    found: dict[int, bytes] = {}
    for text in texts:
        if len(text) <= MAX_CHARACTERS:
            tokens = backend.tokenize(text, add_special=False)
            if len(tokens) == 1 and not backend.is_end(tokens[0]):
                found[tokens[0]] = backend.token_bytes(tokens[0])
    return found
