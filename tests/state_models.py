"""Tiny models of noise that keep a state, or a window, instead of every token."""

import random
import struct
from pathlib import Path

from tests.gguf_writer import ARRAY, F32, I32, STRING, U32, Tensor, Value, gguf

N_VOCAB, N_EMBD, N_INNER, N_STATE, N_CONV, N_RANK, N_FF = 64, 32, 64, 16, 4, 8, 64
N_HEADS, N_HEADS_KV = 4, 2
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
TOKENS = ["<unk>", "<s>", "</s>", "<0x0A>", *LETTERS][:N_VOCAB]

WINDOW = 48
STATE, ATTENTION, WINDOWED = "state", "attention", "windowed"
Parts = dict[str, tuple[int, ...]]


def recurrent(path: Path) -> Path:
    """Write a Mamba of two layers."""
    return _write(path, "mamba", [STATE, STATE])


def hybrid(path: Path) -> Path:
    """Write a Jamba of three layers, the second one with attention."""
    return _write(path, "jamba", [STATE, ATTENTION, STATE])


def window(path: Path) -> Path:
    """Write a Gemma 3 of seven layers: all but the sixth look at the last WINDOW tokens only."""
    return _write(path, "gemma3", [WINDOWED] * 7)


def _write(path: Path, architecture: str, layers: list[str]) -> Path:
    dice = random.Random(architecture)
    tensors: list[Tensor] = [("token_embd.weight", (N_EMBD, N_VOCAB), 0), ("output_norm.weight", (N_EMBD,), 0)]
    if WINDOWED in layers:
        tensors.append(("output.weight", (N_EMBD, N_VOCAB), 0))
    for index, kind in enumerate(layers):
        parts = {STATE: _state(architecture), ATTENTION: _attention(), WINDOWED: _attention() | _norms()}[kind]
        if architecture != "mamba":
            parts |= _feed_forward()
        tensors += [(f"blk.{index}.{name}", shape, 0) for name, shape in parts.items()]
    data = b"".join(_numbers(dice, name, shape) for name, shape, _ in tensors)
    path.write_bytes(gguf(_values(architecture, layers), tensors, data=data))
    return path


def _state(architecture: str) -> Parts:
    norms: Parts = {
        "ssm_dt_norm.weight": (N_RANK,),
        "ssm_b_norm.weight": (N_STATE,),
        "ssm_c_norm.weight": (N_STATE,),
    }
    return {
        "attn_norm.weight": (N_EMBD,),
        "ssm_in.weight": (N_EMBD, 2 * N_INNER),
        "ssm_conv1d.weight": (N_CONV, N_INNER),
        "ssm_conv1d.bias": (N_INNER,),
        "ssm_x.weight": (N_INNER, N_RANK + 2 * N_STATE),
        "ssm_dt.weight": (N_RANK, N_INNER),
        "ssm_dt.bias": (N_INNER,),
        "ssm_a": (N_STATE, N_INNER),
        "ssm_d": (N_INNER,),
        "ssm_out.weight": (N_INNER, N_EMBD),
        **(norms if architecture == "jamba" else {}),
    }


def _attention() -> Parts:
    n_kv = N_EMBD // N_HEADS * N_HEADS_KV
    return {
        "attn_norm.weight": (N_EMBD,),
        "attn_q.weight": (N_EMBD, N_EMBD),
        "attn_k.weight": (N_EMBD, n_kv),
        "attn_v.weight": (N_EMBD, n_kv),
        "attn_output.weight": (N_EMBD, N_EMBD),
    }


def _norms() -> Parts:
    n_head = N_EMBD // N_HEADS
    return {
        "attn_q_norm.weight": (n_head,),
        "attn_k_norm.weight": (n_head,),
        "post_attention_norm.weight": (N_EMBD,),
        "post_ffw_norm.weight": (N_EMBD,),
    }


def _feed_forward() -> Parts:
    return {
        "ffn_norm.weight": (N_EMBD,),
        "ffn_gate.weight": (N_EMBD, N_FF),
        "ffn_up.weight": (N_EMBD, N_FF),
        "ffn_down.weight": (N_FF, N_EMBD),
    }


def _numbers(dice: random.Random, name: str, shape: tuple[int, ...]) -> bytes:
    """Noise: norms near one, and states that fade slowly, so that old tokens count."""
    count = 1
    for extent in shape:
        count *= extent
    if "post_" in name:
        values = [dice.uniform(2.0, 6.0) for _ in range(count)]
    elif "norm" in name or name.endswith("ssm_d"):
        values = [dice.uniform(0.5, 1.5) for _ in range(count)]
    elif name.endswith("ssm_a"):
        values = [-dice.uniform(0.02, 0.5) for _ in range(count)]
    elif name.startswith("token_embd"):
        values = [dice.gauss(0, 1.0) for _ in range(count)]
    else:
        values = [dice.gauss(0, 2.0 / shape[0] ** 0.5) for _ in range(count)]
    return struct.pack(f"<{count}f", *values)


def _values(architecture: str, layers: list[str]) -> dict[str, Value]:
    has_attention = architecture != "mamba"
    heads_kv = [0 if kind == STATE else N_HEADS_KV for kind in layers]
    own: dict[str, Value] = {
        "block_count": (U32, len(layers)),
        "context_length": (U32, 2048),
        "embedding_length": (U32, N_EMBD),
        "feed_forward_length": (U32, N_FF if has_attention else 0),
        "attention.head_count": (U32, N_HEADS if has_attention else 0),
        "attention.layer_norm_rms_epsilon": (F32, 1e-5),
        "ssm.conv_kernel": (U32, N_CONV),
        "ssm.inner_size": (U32, N_INNER),
        "ssm.state_size": (U32, N_STATE),
        "ssm.time_step_rank": (U32, N_RANK),
    }
    if has_attention:
        own["attention.head_count_kv"] = (ARRAY, (I32, heads_kv))
    if WINDOWED in layers:
        own["attention.sliding_window"] = (U32, WINDOW)
    return {
        "general.architecture": (STRING, architecture),
        "general.name": (STRING, f"Tiny {architecture}"),
        "general.file_type": (U32, 0),
        **{f"{architecture}.{key}": value for key, value in own.items()},
        "tokenizer.ggml.model": (STRING, "llama"),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, TOKENS)),
        "tokenizer.ggml.scores": (ARRAY, (F32, [0.0] * N_VOCAB)),
        "tokenizer.ggml.token_type": (ARRAY, (I32, [2, 3, 3, 6, *[1] * (N_VOCAB - 4)])),
        "tokenizer.ggml.bos_token_id": (U32, 1),
        "tokenizer.ggml.eos_token_id": (U32, 2),
    }
