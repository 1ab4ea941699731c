"""Sequences outside of a context: what was computed, as files or bytes for another day, in llama.cpp's own format."""

import os
import struct
from ctypes import byref, c_char, c_int32, c_size_t
from pathlib import Path

from runtime.engine.backend import InvalidRequest, NotThere
from runtime.engine.backends.llama_context import Context

HEAD = struct.Struct("<III")
MAGIC = 0x67677371
"""`ggsq`; a version and the number of tokens follow."""


def save(context: Context, sequence: int, tokens: list[int], path: str) -> int:
    """Write a sequence that holds exactly `tokens`; return the file's bytes. Raises: InvalidRequest."""
    whole, part = Path(path), Path(f"{path}.part")
    n_bytes: int = context.native.llama_state_seq_save_file(
        context.handle, os.fsencode(part), sequence, (c_int32 * len(tokens))(*tokens), len(tokens)
    )
    try:
        if not n_bytes:
            raise OSError(0, "it cannot be written")
        part.replace(whole)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InvalidRequest(f"saving the slot to `{whole.name}`: {error.strerror}") from error
    return n_bytes


def n_tokens(path: str, n_most: int) -> int:
    """Return how many tokens a file holds. Raises: InvalidRequest, NotThere."""
    file = Path(path)
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD.size)
    except FileNotFoundError as error:
        raise NotThere(f"there is no saved slot `{file.name}`") from error
    except OSError as error:
        raise InvalidRequest(f"reading the slot from `{file.name}`: {error.strerror}") from error
    if len(head) < HEAD.size or HEAD.unpack(head)[0] != MAGIC:
        raise InvalidRequest(f"`{file.name}` is not a saved slot")
    n_found: int = HEAD.unpack(head)[2]
    if not 0 < n_found <= n_most:
        raise InvalidRequest(f"`{file.name}` holds {n_found} tokens and the context {n_most}")
    return n_found


def restore(context: Context, sequence: int, path: str, n_expected: int, n_vocab: int) -> tuple[list[int], int]:
    """Read a sequence; return its tokens and the bytes read. Raises: InvalidRequest; what was read is then garbage."""
    native, n_found, tokens = context.native, c_size_t(), (c_int32 * n_expected)()
    n_bytes: int = native.llama_state_seq_load_file(
        context.handle, os.fsencode(path), sequence, tokens, n_expected, byref(n_found)
    )
    last: int = native.llama_memory_seq_pos_max(context.memory, sequence)
    sound = all(0 <= token < n_vocab for token in tokens)
    if not n_bytes or n_found.value != n_expected or last != n_expected - 1 or not sound:
        raise InvalidRequest(f"`{Path(path).name}` was saved by another model or is damaged")
    return list(tokens), n_bytes


def data(context: Context, sequence: int) -> bytes:
    """Return all that a sequence holds. Raises: InvalidRequest."""
    n_bytes: int = context.native.llama_state_seq_get_size(context.handle, sequence)
    buffer = (c_char * n_bytes)()
    if context.native.llama_state_seq_get_data(context.handle, buffer, n_bytes, sequence) != n_bytes:
        raise InvalidRequest("this model's memory cannot be copied")
    return buffer.raw


def fill(context: Context, sequence: int, source: memoryview, begin: int, end: int) -> bool:
    """Let a sequence hold what `data` has returned of another; False where that are not the tokens [begin, end).

    Copies from `source`, which is writable and never written, straight into the context. llama.cpp holds the
    kinds, sizes and number of what it reads against its own; whoever calls vouches for the rest.
    """
    native = context.native
    buffer = (c_char * len(source)).from_buffer(source)
    if native.llama_state_seq_set_data(context.handle, buffer, len(source), sequence) != len(source):
        return False
    last: int = native.llama_memory_seq_pos_max(context.memory, sequence)
    first: int = native.llama_memory_seq_pos_min(context.memory, sequence)
    return last == end - 1 and first >= begin
