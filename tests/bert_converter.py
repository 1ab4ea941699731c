"""Makes a GGUF of a BERT model: its weights by name, its WordPiece vocabulary, and how its vectors are pooled."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.gguf_writer import ARRAY, BOOL, F32, I32, STRING, U32, Tensor, Value, gguf

POOLINGS = {"none": 0, "mean": 1, "cls": 2, "last": 3, "rank": 4}
CONTROL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
NORMAL_TOKEN, CONTROL_TOKEN = 1, 3
WORD_BEGINS = "\u2581"
MOSTLY_F16 = 1
ALIGNMENT = 32

Weights = Mapping[str, np.ndarray[Any, np.dtype[np.float32]]]

OUTER = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.LayerNorm": "token_embd_norm",
    "classifier": "cls.output",
}
IN_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
ALWAYS_F32 = ("token_types.weight", "position_embd.weight")


def convert(name: str, config: Mapping[str, Any], words: Sequence[str], weights: Weights, pooling: str) -> bytes:
    """The file's bytes. `config`: as in config.json; `weights`: by the names of PyTorch; matrices become F16."""
    placed = {_placed(key): value for key, value in weights.items() if _placed(key)}
    tensors: list[Tensor] = []
    data = bytearray()
    for key, value in sorted(placed.items()):
        is_f32 = value.ndim == 1 or key in ALWAYS_F32
        tensors.append((key, value.shape[::-1], 0 if is_f32 else 1))
        data += value.astype("<f4" if is_f32 else "<f2").tobytes()
        data += bytes(-len(data) % ALIGNMENT)
    return gguf(_header(name, config, words, pooling), tensors, data=bytes(data))


def safetensors(data: bytes) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """The F32 tensors of a safetensors file."""
    (head_size,) = struct.unpack_from("<Q", data)
    begin = 8 + head_size
    tensors = json.loads(data[8:begin])
    return {
        key: np.frombuffer(data[begin + told["data_offsets"][0] : begin + told["data_offsets"][1]], "<f4").reshape(
            told["shape"]
        )
        for key, told in tensors.items()
        if key != "__metadata__" and told["dtype"] == "F32"
    }


def _header(name: str, config: Mapping[str, Any], words: Sequence[str], pooling: str) -> dict[str, Value]:
    kinds = [CONTROL_TOKEN if word in CONTROL else NORMAL_TOKEN for word in words]
    return {
        "general.architecture": (STRING, "bert"),
        "general.name": (STRING, name),
        "general.file_type": (U32, MOSTLY_F16),
        "bert.block_count": (U32, config["num_hidden_layers"]),
        "bert.context_length": (U32, config["max_position_embeddings"]),
        "bert.embedding_length": (U32, config["hidden_size"]),
        "bert.feed_forward_length": (U32, config["intermediate_size"]),
        "bert.attention.head_count": (U32, config["num_attention_heads"]),
        "bert.attention.layer_norm_epsilon": (F32, config["layer_norm_eps"]),
        "bert.attention.causal": (BOOL, False),
        "bert.pooling_type": (U32, POOLINGS[pooling]),
        **({"bert.classifier.pooling_type": (U32, POOLINGS["mean"])} if pooling == "rank" else {}),
        "tokenizer.ggml.model": (STRING, "bert"),
        "tokenizer.ggml.pre": (STRING, "default"),
        "tokenizer.ggml.token_type_count": (U32, config["type_vocab_size"]),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, [_phantom(word) for word in words])),
        "tokenizer.ggml.token_type": (ARRAY, (I32, kinds)),
        "tokenizer.ggml.padding_token_id": (U32, words.index("[PAD]")),
        "tokenizer.ggml.unknown_token_id": (U32, words.index("[UNK]")),
        "tokenizer.ggml.bos_token_id": (U32, words.index("[CLS]")),
        "tokenizer.ggml.seperator_token_id": (U32, words.index("[SEP]")),
        "tokenizer.ggml.mask_token_id": (U32, words.index("[MASK]")),
    }


def _placed(key: str) -> str:
    """The name in a GGUF of a tensor of PyTorch; empty for one that has no place there."""
    module, _, part = key.rpartition(".")
    if module in OUTER:
        return f"{OUTER[module]}.{part}"
    if module.startswith("encoder.layer."):
        number, _, inner = module.removeprefix("encoder.layer.").partition(".")
        return f"blk.{number}.{IN_LAYER[inner]}.{part}"
    return ""


def _phantom(word: str) -> str:
    """A word begins with a mark instead of its continuations, as the engine's WordPiece has it."""
    if word in CONTROL:
        return word
    return word[2:] if word.startswith("##") else WORD_BEGINS + word
