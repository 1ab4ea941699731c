"""Beginnings of prompts that were computed when the executable was built, taken over at a start.

    head | rows, one for each beginning | form of the memory | tokens | data of each beginning

All numbers are little-endian. A row says from which token on the beginning's tokens and data count: what stands
before is that of the first one. The data is the backend's own; it goes from the mapped file straight into
the context. What native code goes by in it (cells and positions, at its beginning) is under the head's hash with all
that stands before; the numbers behind are like weights: a start hashes neither, `--verify` both. 46 MB would take
a start of 0.25 s another 0.1 s. Whatever does not fit is left, and computed when somebody asks.
"""

import struct
from collections.abc import Sequence
from hashlib import sha256
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from runtime.engine.pace import ROUNDED_ALIKE

if TYPE_CHECKING:
    from runtime.engine.config import WorkerConfig
    from runtime.engine.lane import Lane

MAGIC = b"lmstate1"
HEAD = struct.Struct("<8s32sII")
"""Magic, sha256 of what follows up to the data and of each data's checked bytes, beginnings, bytes of the form."""

ROW = struct.Struct("<IIQQQ")
"""First token, tokens, offset and size of the data, and how many bytes of it are checked."""

CELLS_BYTES, CELL_BYTES = 4096, 32
"""Of llama.cpp's data, at least what stands before the numbers, and for each cell."""

TOKEN_BYTES = 4
MAX_BEGINNINGS = 9
MAX_FORM_BYTES = 256
MAX_TOKENS = 1 << 24


class Beginning(NamedTuple):
    """The tokens of a prompt's beginning, and the data of those from `begin` on."""

    tokens: list[int]
    begin: int
    data: memoryview


class Baked(NamedTuple):
    """What a state holds. form: of the memory that computed it."""

    form: str
    beginnings: Sequence[Beginning]


class Shelf(Thread):
    """One state: mapped, checked and taken apart while the model is loaded, used when a prompt needs it."""

    def __init__(self, config: "WorkerConfig") -> None:
        super().__init__(name="reading what was baked", daemon=True)
        self._config = config
        self._baked: Baked | None = None

    def run(self) -> None:
        try:
            self._baked = decode(self._mapped())
        except (OSError, ValueError):
            self._baked = None  # what is not as it was packed is computed anew

    def recall(self, lane: "Lane", prompt: list[int]) -> None:
        """Let the tree of `lane` hold what was computed of the beginning of `prompt`, where it has forgotten it.

        So many tokens are left to compute, the last one of the whole prompt with them, that everything is rounded as if
        nothing had been baked: the same bits.
        """
        self.join()
        if self._baked is None or self._baked.form != lane.memory.form:
            return
        n_known = lane.tree.n_known(prompt) if prompt else 0
        for beginning in self._baked.beginnings:
            n_tokens = len(beginning.tokens)
            n_taken = min(n_tokens, len(prompt) + 1 - ROUNDED_ALIKE) if lane.memory.can_trim else n_tokens
            is_worth_it = n_taken - n_known >= ROUNDED_ALIKE and n_known >= beginning.begin
            if is_worth_it and prompt[:n_tokens] == beginning.tokens:
                if not lane.make_room(n_tokens - beginning.begin) or not _take(lane, beginning, n_known, n_taken):
                    return
                n_known = n_taken

    def _mapped(self) -> memoryview:
        """Raises: OSError, ValueError."""
        import mmap

        config = self._config
        at = config.baked_offset - config.baked_offset % mmap.ALLOCATIONGRANULARITY
        with open(config.baked_path, "rb") as file:
            # A copy on write, of which nothing is ever written: ctypes takes no address of a read-only mapping.
            length = config.baked_offset - at + config.baked_size
            mapped = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_COPY, offset=at)
        return memoryview(mapped)[config.baked_offset - at :]


def decode(state: memoryview) -> Baked:
    """Take a state apart. Raises: ValueError when it is none."""
    try:
        return _decoded(state)
    except struct.error as error:
        raise ValueError("it is too short for what it says") from error


def encode(form: str, beginnings: Sequence[tuple[list[int], int, bytes]], cells_first: bool) -> list[bytes]:
    """Return the pieces of a state in a row: of tokens, the first of them that the data holds, and the data.

    cells_first: the data says all that native code goes by before the numbers; otherwise all of it is checked.
    """
    named = form.encode()
    own = [tokens[begin:] for tokens, begin, _ in beginnings]
    offset = HEAD.size + ROW.size * len(beginnings) + len(named) + TOKEN_BYTES * sum(map(len, own))
    before, digest = b"", sha256()
    for (tokens, begin, data), left in zip(beginnings, own, strict=True):
        checked = min(CELLS_BYTES + CELL_BYTES * len(tokens), len(data)) if cells_first else len(data)
        before += ROW.pack(begin, len(left), offset, len(data), checked)
        digest.update(data[:checked])
        offset += len(data)
    before += named + b"".join(struct.pack(f"<{len(tokens)}i", *tokens) for tokens in own)
    digest.update(before)
    head = HEAD.pack(MAGIC, digest.digest(), len(beginnings), len(named))
    return [head, before, *(data for _, _, data in beginnings)]


def _decoded(state: memoryview) -> Baked:
    """Raises: ValueError, struct.error."""
    magic, expected, n_beginnings, form_bytes = HEAD.unpack_from(state)
    if magic != MAGIC or not 0 < n_beginnings <= MAX_BEGINNINGS or form_bytes > MAX_FORM_BYTES:
        raise ValueError("it is no state of this version")
    rows = [ROW.unpack_from(state, HEAD.size + ROW.size * index) for index in range(n_beginnings)]
    at = HEAD.size + ROW.size * n_beginnings
    form, at = bytes(state[at : at + form_bytes]).decode(), at + form_bytes
    beginnings: list[Beginning] = []
    digest = sha256()
    for begin, n_tokens, offset, size, n_checked in rows:
        first = beginnings[0].tokens if beginnings else []
        is_outside = offset < at or offset + size > len(state) or n_checked > size
        if begin > len(first) or not 0 < n_tokens <= MAX_TOKENS or is_outside:
            raise ValueError("it points outside of itself")
        digest.update(state[offset : offset + n_checked])
        own = struct.unpack_from(f"<{n_tokens}i", state, at)
        at += TOKEN_BYTES * n_tokens
        beginnings.append(Beginning([*first[:begin], *own], begin, state[offset : offset + size]))
    digest.update(state[HEAD.size : at])
    if digest.digest() != expected:
        raise ValueError("it was changed")
    return Baked(form, beginnings)


def _take(lane: "Lane", beginning: Beginning, n_known: int, n_taken: int) -> bool:
    """Go through the tree as a request does that shares `n_known` of these tokens and has computed up to `n_taken`."""
    memory, tree, tokens = lane.memory, lane.tree, beginning.tokens[:n_taken]
    begin = beginning.begin if memory.can_trim else 0
    sequence = tree.take_sequence()
    if sequence is None:
        return False
    if not memory.fill(sequence, beginning.data, begin, len(beginning.tokens)):
        tree.give_back(sequence)
        return False
    if memory.can_trim:
        memory.forget(sequence, n_taken)
        memory.forget(sequence, begin, n_known)
    leaf = tree.enter(tokens, sequence)
    n_shared = tree.share(leaf, sequence, 0) if n_known and memory.can_trim else 0
    n_held = n_known if memory.can_trim else 0
    tree.leave(leaf, sequence, tokens if n_shared == n_held else [])
    return n_shared == n_held
