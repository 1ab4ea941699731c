"""Fits the context to the memory of this computer.

It gets what the model was trained for if that fits, else the most that does; a size that
was asked for and does not fit is refused, with both numbers.
"""

from runtime.engine.backends.llama_model import LoadedModel
from runtime.errors import OutOfMemory
from runtime.hardware.memory import memory, private_bytes

KV_ELEMENT_BYTES = 2
N_CTX_STEP = 256
"""llama.cpp rounds the context up to a multiple of this."""

MIN_N_CTX = 512
MAX_MEMORIES = 17
CONTEXT_BYTES = 64 << 20
"""Compute buffers of one more context."""

MARGIN_BYTES = 256 << 20
"""For compute buffers beside the attention mask, and for the rest of the computer."""


def fitting_n_ctx(model: LoadedModel) -> int:
    """Return the tokens of context to make room for. Raises: OutOfMemory."""
    native, config = model.native, model.config
    trained: int = native.llama_model_n_ctx_train(model.handle)
    asked = max(0, config.n_ctx)
    wanted = asked or trained or MIN_N_CTX
    # Weights that are mapped belong in memory too, though no process is charged for them.
    weights_bytes = max(0, native.llama_model_size(model.handle) - private_bytes())
    room_bytes = memory().available - weights_bytes - MARGIN_BYTES
    token_bytes = _token_bytes(model)
    fits: int = max(0, room_bytes // token_bytes) // N_CTX_STEP * N_CTX_STEP
    if wanted > fits and (asked or fits < MIN_N_CTX):
        advice = f"use -c {fits} or less" if fits >= MIN_N_CTX else "close other programs or use a smaller model"
        raise OutOfMemory(
            f"Making room for a context of {wanted} tokens: they take {wanted * token_bytes / 1e9:.1f} GB and "
            f"{max(0, room_bytes) / 1e9:.1f} GB of memory are left; {advice}."
        )
    return min(wanted, fits, trained or fits)


def n_memories(model: LoadedModel, n_ctx: int) -> int:
    """Return how many contexts there may be: one for each set of adapters in use, and the model's own."""
    own_bytes = n_ctx * _token_bytes(model) + CONTEXT_BYTES
    budget = model.config.adapter_bytes or max(0, memory().available - MARGIN_BYTES) // 2
    return max(2, min(MAX_MEMORIES, 1 + budget // own_bytes))


def _token_bytes(model: LoadedModel) -> int:
    """Return what one token of context takes in the KV cache and in the attention mask.

    Counts every layer as if it remembered everything, so sliding-window models are overestimated.
    """
    native, handle = model.native, model.handle
    prefix = model.meta("general.architecture")
    default = native.llama_model_n_embd(handle) // max(1, native.llama_model_n_head(handle))
    head = _number(model, f"{prefix}.attention.key_length", default) + _number(
        model, f"{prefix}.attention.value_length", default
    )
    listed = model.meta(f"{prefix}.attention.head_count_kv")
    if listed.startswith("["):
        n_heads = sum(int(count) for count in listed.strip("[]").split(",") if count.strip().isdecimal())
    else:
        n_heads = native.llama_model_n_layer(handle) * native.llama_model_n_head_kv(handle)
    mask_bytes = 4 * min(model.config.n_batch, model.config.n_ubatch)
    return max(1, int(n_heads * head * KV_ELEMENT_BYTES + mask_bytes))


def _number(model: LoadedModel, key: str, otherwise: int) -> int:
    text = model.meta(key)
    return int(text) if text.isdecimal() else otherwise
