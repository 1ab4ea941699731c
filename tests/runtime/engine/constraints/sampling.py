"""Drives matchers as a model would, with dice for a model."""

import ctypes
import random

from runtime.engine.constraints.matcher import Matcher
from tests.runtime.engine.constraints.vocabularies import smollm2


class Mask:
    """The buffer that a backend has for a mask."""

    def __init__(self) -> None:
        self.words = (ctypes.c_uint32 * ((smollm2().n_vocab + 31) // 32))()
        self.address = ctypes.addressof(self.words)

    def allows(self, token: int) -> bool:
        return bool(self.words[token // 32] >> token % 32 & 1)

    def tokens(self) -> list[int]:
        """Return every allowed token."""
        bits = int.from_bytes(bytes(self.words), "little")
        found = []
        while bits:
            low = bits & -bits
            found.append(low.bit_length() - 1)
            bits ^= low
        return found


def sample(matcher: Matcher, rng: random.Random, most: int, ending: float) -> str | None:
    """Draw allowed tokens; where the answer may end it does with this chance. None when `most` did not do."""
    vocabulary, mask = smollm2(), Mask()
    answer = b""
    for _ in range(most):
        assert matcher.mask(mask.address)
        if mask.allows(vocabulary.eos) and (matcher.is_complete or rng.random() < ending):
            matcher.accept(vocabulary.eos)
            assert matcher.is_complete
            return answer.decode()
        token = closing(mask, rng) or mask_choice(mask, rng)
        if token in vocabulary.ends:
            return answer.decode()
        matcher.accept(token)
        answer += vocabulary.token_bytes(token)
    return None


def closing(mask: Mask, rng: random.Random) -> int | None:
    """Half of the time what ends a string, a list or an object, where that may come."""
    found = [token for token in closers() if mask.allows(token)]
    return rng.choice(found) if found and rng.random() < 0.5 else None


def closers() -> list[int]:
    return [smollm2().tokenize(text)[0] for text in '"]}']


def mask_choice(mask: Mask, rng: random.Random) -> int:
    """Any allowed token; found by trying where most are allowed, by listing where few are."""
    vocabulary = smollm2()
    for _ in range(64):
        token = rng.randrange(vocabulary.n_vocab)
        if mask.allows(token):
            return token
    return rng.choice(mask.tokens())


def accepts(matcher: Matcher, text: str) -> bool:
    """Tell whether `text` is a whole answer, drawn byte by byte."""
    tokens = [single_bytes()[byte] for byte in text.encode()]
    return matcher.allows([*tokens, smollm2().eos]) == len(tokens) + 1


def single_bytes() -> dict[int, int]:
    """The token of every byte, by byte."""
    vocabulary = smollm2()
    if not _SINGLE:
        for token in range(vocabulary.n_vocab):
            piece = vocabulary.token_bytes(token)
            if len(piece) == 1:
                _SINGLE.setdefault(piece[0], token)
    return _SINGLE


_SINGLE: dict[int, int] = {}
