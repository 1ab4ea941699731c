"""Decodes a sequence with different neighbours in one unified memory and prints hashes of its logits, as JSON.

    python mask_probe.py ENGINE MODEL

One thread, a prompt in one batch and then single tokens, so that the additions of attention have one order. The
cells of the others are masked: they may cost time, but must not change one bit. A process of its own.
"""

import ctypes
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from load_probe import start_backends

PROMPT = 100
STEPS = 12
CELLS_BEFORE = 640  # whole tiles of attention (64 cells), so that the prompt's tiles hold the same tokens


def main(engine: str, model: str) -> None:
    """Run the sequence alone, behind and between others."""
    sys.path.insert(0, engine)
    import llama_cpp.llama_cpp as llama

    start_backends(Path(engine))
    loaded = llama.llama_model_load_from_file(model.encode(), llama.llama_model_default_params())
    found = {
        "alone": Run(llama, loaded).logits(before=0, between=False),
        "behind others": Run(llama, loaded).logits(before=CELLS_BEFORE, between=False),
        "between others": Run(llama, loaded).logits(before=CELLS_BEFORE, between=True),
    }
    print(json.dumps(found))


class Run:
    """One context of four sequences; the first is the one that is looked at."""

    def __init__(self, llama: object, model: object) -> None:
        self._llama = llama
        self._tokens = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
        parameters = llama.llama_context_default_params()
        parameters.n_ctx, parameters.n_seq_max, parameters.kv_unified = 2048, 4, True
        parameters.n_threads = parameters.n_threads_batch = 1
        self._context = llama.llama_init_from_model(model, parameters)
        self._batch = llama.llama_batch_init(CELLS_BEFORE, 0, 1)

    def logits(self, before: int, between: bool) -> str:
        """Decode the prompt and some tokens; return a hash of all logits."""
        digest = hashlib.sha256()
        if before:
            self._decode(1, range(before))
        digest.update(self._decode(0, range(PROMPT)))
        for step in range(STEPS):
            if between:
                self._decode(2, range(step * 5, step * 5 + 5))
                self._decode(3, range(step * 37, step * 37 + 37))
            digest.update(self._decode(0, range(PROMPT + step, PROMPT + step + 1)))
        return digest.hexdigest()

    def _decode(self, sequence: int, positions: Sequence[int]) -> bytes:
        """Add tokens to a sequence; return the logits after the last one."""
        batch = self._batch
        batch.n_tokens = len(positions)
        for row, position in enumerate(positions):
            batch.token[row] = (position * 7919 + sequence * 31) % 40_000 + 100
            batch.pos[row] = position
            batch.n_seq_id[row] = 1
            batch.seq_id[row][0] = sequence
            batch.logits[row] = row == len(positions) - 1
        if self._llama.llama_decode(self._context, batch):
            sys.exit("decoding failed")
        row = self._llama.llama_get_logits_ith(self._context, len(positions) - 1)
        return ctypes.string_at(row, 4 * self._tokens)


if __name__ == "__main__":
    main(*sys.argv[1:])
