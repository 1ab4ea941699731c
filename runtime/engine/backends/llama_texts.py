"""Cuts the texts that become vectors or scores into tokens."""

import re
from ctypes import c_int32

from runtime.engine.backend import InvalidRequest
from runtime.engine.backends.llama_model import WORDPIECE, LoadedModel
from runtime.engine.backends.llama_native import NO_TOKEN

PLACE = re.compile(r"\{(query|document)\}")
SYLLABLE = re.compile("[\uac00-\ud7a3]")
FIRST_SYLLABLE = 0xAC00
N_VOWELS, N_FINALS = 21, 28
LEADS, VOWELS, FINALS = 0x1100, 0x1161, 0x11A7


class Texts:
    """The tokenizer of a model, as its vectors and scores need it."""

    def __init__(self, model: LoadedModel) -> None:
        self._native = model.native
        self._vocab = model.vocab
        self._template = (model.native.llama_model_chat_template(model.handle, b"rerank") or b"").decode(
            "utf-8", "replace"
        )
        self._decomposes = _decomposes(model)

    def whole(self, text: str | list[int]) -> list[int]:
        """Return the tokens of a text with those that stand around it; ids as they are. Raises: InvalidRequest."""
        if isinstance(text, str):
            return self._cut(text, add_special=True, parse_special=True)
        n_vocab: int = self._native.llama_vocab_n_tokens(self._vocab)
        wrong = next((token for token in text if not 0 <= token < n_vocab), None)
        if wrong is not None:
            raise InvalidRequest(f"token {wrong} is not one of this model's {n_vocab}")
        return text

    def pair(self, query: str, document: str) -> list[int]:
        """Return the tokens by which a document is scored for a query: in the model's words, or in llama-server's."""
        if self._template:
            parts = {"query": query, "document": document}
            text = PLACE.sub(lambda found: parts[found[1]], self._template)
            return self._cut(text, add_special=False, parse_special=True)
        native, vocab = self._native, self._vocab
        begin, end, sep = native.llama_vocab_bos(vocab), native.llama_vocab_eos(vocab), native.llama_vocab_sep(vocab)
        end = end if end != NO_TOKEN else sep
        marks = [
            (begin, native.llama_vocab_get_add_bos(vocab)),
            (end, native.llama_vocab_get_add_eos(vocab)),
            (sep, native.llama_vocab_get_add_sep(vocab)),
        ]
        before, after, between = ([token] if added and token != NO_TOKEN else [] for token, added in marks)
        asked = self._cut(query, add_special=False, parse_special=False)
        answer = self._cut(document, add_special=False, parse_special=False)
        return [*before, *asked, *after, *between, *answer, *after]

    def _cut(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        raw = (SYLLABLE.sub(_letters, text) if self._decomposes else text).encode("utf-8", "replace")
        size = len(raw) + 16
        for _ in range(2):  # an accent cut from its letter can make more tokens than there were bytes
            buffer = (c_int32 * size)()
            found = self._native.llama_tokenize(self._vocab, raw, len(raw), buffer, size, add_special, parse_special)
            if found >= 0:
                return buffer[:found]
            size = -found
        raise InvalidRequest("a text cannot be cut into tokens")


def _decomposes(model: LoadedModel) -> bool:
    """Whether the tokenizer cuts characters into their parts, as BERT's does: llama.cpp leaves Korean ones whole."""
    lowers = model.meta("tokenizer.ggml.normalizer.lowercase") or "true"
    strips = model.meta("tokenizer.ggml.normalizer.strip_accents") or lowers
    is_wordpiece: bool = model.native.llama_vocab_type(model.vocab) == WORDPIECE
    return is_wordpiece and strips == "true"


def _letters(syllable: re.Match[str]) -> str:
    """Return the two or three letters of a Korean syllable, by Unicode's arithmetic."""
    rest, final = divmod(ord(syllable[0]) - FIRST_SYLLABLE, N_FINALS)
    lead, vowel = divmod(rest, N_VOWELS)
    return chr(LEADS + lead) + chr(VOWELS + vowel) + (chr(FINALS + final) if final else "")
