"""What a sound GGUF holds, and what the pinned engine can do with it.

The engine ends the whole process on several false values that its own reader lets
through (GGML_ASSERT on the number of layers and experts, on a token that stands twice,
on an unknown rope scaling). They are refused here, at build time and before a start.
"""

import re
from typing import Literal, NamedTuple

from runtime.errors import ModelUnsupported
from runtime.gguf.cursor import FLOAT32, INT32, STRING
from runtime.gguf.header import INTEGERS, Array, Gguf
from runtime.gguf.tables import (
    ARCHITECTURES,
    EMBEDDING,
    FILE_TYPES,
    LOOKUP_TABLES,
    MAX_EXPERTS,
    MAX_LAYERS,
    NOT_FOR_WEIGHTS,
    NOT_RUN,
    POOLING_NONE,
    POOLING_RANK,
    ROPE_SCALINGS,
)

MAX_CONTEXT = 2**31 - 1
MAX_WIDTH = 1 << 20  # of an embedding; the largest published models have 16,384
MAX_HEADS = 1 << 16
NO_TOKEN = 0xFFFF_FFFF  # some converters write -1 where there is no such token
BYTE_TOKEN = 6
VECTORS, VECTOR_TYPE = ("_norm.weight", ".bias"), "F32"  # what every converter writes; sums of F32 and others abort
MAPPED_ALIGNMENT = 32  # the engine maps tensors only at multiples of this

_BYTE_TEXT = re.compile(rb"<0x[0-9A-Fa-f]{2}>")
_BLOCK = re.compile(r"blk\.(\d{1,9})\.")


Role = Literal["chat", "embed", "rerank"]


class Facts(NamedTuple):
    """What people ask about a model. `context_length` in tokens, as trained; `vocabulary` in tokens.

    role: what it was made for: to chat, to embed texts, or to rerank them.
    """

    role: Role
    architecture: str
    name: str
    parameters: int
    layers: int
    embedding_length: int
    context_length: int
    vocabulary: int
    file_type: str
    chat_template: str | None
    license: str | None


class PartFacts(NamedTuple):
    """What people ask about a part that another model sees or hears with."""

    architecture: str
    name: str
    parameters: int
    file_type: str
    license: str | None


def part_facts(gguf: Gguf) -> PartFacts:
    """Say what an mmproj is. Raises: ModelUnsupported for a model that stands by itself."""
    architecture = gguf.text("general.architecture") or ""
    if architecture != "clip" and gguf.text("general.type") != "mmproj":
        raise ModelUnsupported(gguf.path, "it is not the vision or audio part (mmproj) of another model")
    parameters = sum(_elements(tensor.shape) for tensor in gguf.tensors.values())
    name, license_name = gguf.text("general.name") or "", gguf.text("general.license")
    return PartFacts(architecture, name, parameters, _file_type(gguf), license_name)


def facts(gguf: Gguf) -> Facts:
    """Check `gguf` as a model of this engine, and say what it is.

    Raises: ModelInvalid for a value that contradicts another or the engine's limits;
    ModelUnsupported for a sound model that this engine does not run.
    """
    architecture = _architecture(gguf)
    layers = _within(gguf, f"{architecture}.block_count", 1, MAX_LAYERS)
    context_length = _within(gguf, f"{architecture}.context_length", 1, MAX_CONTEXT)
    embedding_length = _within(gguf, f"{architecture}.embedding_length", 1, MAX_WIDTH)
    _check_types(gguf)
    _check_blocks(gguf, architecture, layers)
    _check_heads(gguf, architecture, layers)
    _check_experts(gguf, architecture, layers)
    _check_rope(gguf, architecture)
    return Facts(
        role=role(gguf),
        architecture=architecture,
        name=gguf.text("general.name") or "",
        parameters=sum(_elements(tensor.shape) for tensor in gguf.tensors.values()),
        layers=layers,
        embedding_length=embedding_length,
        context_length=context_length,
        vocabulary=_check_vocabulary(gguf),
        file_type=_file_type(gguf),
        chat_template=gguf.text("tokenizer.chat_template"),
        license=gguf.text("general.license"),
    )


def _architecture(gguf: Gguf) -> str:
    name = gguf.text("general.architecture")
    if name is None:
        raise gguf.invalid("the key `general.architecture` is missing", 0)
    kind = gguf.text("general.type") or "model"
    if kind == "adapter":
        raise ModelUnsupported(gguf.path, "it is an adapter, which needs the model it was made for")
    if kind == "mmproj" or name == "clip":
        raise ModelUnsupported(gguf.path, "it is the vision or audio part of another model")
    if name not in ARCHITECTURES:
        raise ModelUnsupported(gguf.path, f"its architecture `{name}` is unknown to this engine")
    if name in NOT_RUN:
        raise ModelUnsupported(gguf.path, f"it {NOT_RUN[name]}")
    if (gguf.integer("split.count") or 0) > 1:
        raise ModelUnsupported(gguf.path, "it is one part of a model that is split over several files; join them first")
    if not gguf.tensors:
        raise ModelUnsupported(gguf.path, "it holds a vocabulary and no weights")
    if gguf.data_offset % MAPPED_ALIGNMENT or gguf.alignment % MAPPED_ALIGNMENT:
        raise ModelUnsupported(gguf.path, f"its tensors are not aligned to {MAPPED_ALIGNMENT} bytes")
    return name


def role(gguf: Gguf) -> Role:
    """Return what a model was made for: one that pools the vectors of its tokens, for that; any other chats."""
    architecture = gguf.text("general.architecture")
    pooling = gguf.integer(f"{architecture}.pooling_type")
    if pooling == POOLING_RANK:
        return "rerank"
    return "embed" if architecture in EMBEDDING or pooling not in (None, -1, POOLING_NONE) else "chat"


def _within(gguf: Gguf, key: str, low: int, high: int) -> int:
    number = gguf.integer(key)
    if number is None:
        raise gguf.invalid(f"the key `{key}` is missing", 0)
    if not low <= number <= high:
        raise gguf.invalid(f"`{key}` is {number}, not {low} to {high}", gguf.values[key].offset)
    return number


def _check_types(gguf: Gguf) -> None:
    """Types that the engine would end the process over while it computes, not while it loads."""
    for tensor in gguf.tensors.values():
        if any(part in tensor.name for part in LOOKUP_TABLES):
            continue
        if tensor.type.name in NOT_FOR_WEIGHTS:
            raise gguf.invalid(f"weights cannot be of type {tensor.type.name}, as `{tensor.name}` is", tensor.at)
        is_vector = len(tensor.shape) == 1 or tensor.name.endswith(VECTORS)
        if is_vector and tensor.type.name != VECTOR_TYPE:
            raise gguf.invalid(f"`{tensor.name}` is of type {tensor.type.name}, and has to be {VECTOR_TYPE}", tensor.at)


def _check_blocks(gguf: Gguf, architecture: str, layers: int) -> None:
    """The tensors `blk.N.…` must be those of `layers` blocks; blocks for predicting ahead may have been left out."""
    numbers = [int(match[1]) for name in gguf.tensors if (match := _BLOCK.match(name))]
    if not numbers:
        return
    key = f"{architecture}.block_count"
    ahead = gguf.integer(f"{architecture}.nextn_predict_layers") or 0
    if not layers - ahead <= max(numbers) + 1 <= layers:
        where = gguf.values[key].offset
        raise gguf.invalid(f"`{key}` is {layers}, and the last block with tensors is number {max(numbers)}", where)


def _check_heads(gguf: Gguf, architecture: str, layers: int) -> None:
    for key in (f"{architecture}.attention.head_count", f"{architecture}.attention.head_count_kv"):
        found = gguf.values.get(key)
        if found is None:
            continue
        if isinstance(found.value, Array):
            array = gguf.array(key, INTEGERS)
            counts = gguf.numbers(array) if array and array.length <= MAX_LAYERS else ()
            if len(counts) < layers:
                raise gguf.invalid(f"`{key}` has not one number per layer", found.offset)
        else:
            counts = (gguf.integer(key) or 0,)
        if not all(0 <= count <= MAX_HEADS for count in counts):
            raise gguf.invalid(f"`{key}` is not 0 to {MAX_HEADS}", found.offset)


def _check_experts(gguf: Gguf, architecture: str, layers: int) -> None:
    key = f"{architecture}.expert_count"
    experts = gguf.integer(key) or 0
    if not 0 <= experts <= MAX_EXPERTS:
        raise gguf.invalid(f"`{key}` is {experts}, not 0 to {MAX_EXPERTS}", gguf.values[key].offset)
    used_key = f"{architecture}.expert_used_count"
    found = gguf.values.get(used_key)
    if found is None:
        used: int | float = 0
    elif isinstance(found.value, Array):
        array = gguf.array(used_key, INTEGERS)
        used = max(gguf.numbers(array), default=0) if array and layers <= array.length <= MAX_LAYERS else -1
    else:
        used = gguf.integer(used_key) or 0
    if not (0 < used <= experts or used == experts == 0):
        where = found.offset if found else gguf.values[key].offset
        raise gguf.invalid(f"`{used_key}` is {used} of {experts} experts", where)


def _check_rope(gguf: Gguf, architecture: str) -> None:
    key = f"{architecture}.rope.scaling.type"
    scaling = gguf.text(key)
    if scaling is not None and scaling not in ROPE_SCALINGS:
        raise gguf.invalid(f"`{key}` is the unknown `{scaling}`", gguf.values[key].offset)


def _check_vocabulary(gguf: Gguf) -> int:
    """Hold tokens, scores, types, special ids and embedding rows against each other; -> number of tokens."""
    if gguf.text("tokenizer.ggml.model") in (None, "none", "no_vocab"):
        raise ModelUnsupported(gguf.path, "it holds no tokenizer")
    key = "tokenizer.ggml.tokens"
    tokens = gguf.array(key, frozenset({STRING}))
    if tokens is None or tokens.length == 0:
        raise gguf.invalid(f"the key `{key}` is missing or empty", 0)
    at = gguf.values[key].offset
    texts = gguf.strings(tokens)
    seen = [text.partition(b"\0")[0] for text in texts]  # as the engine does, which takes them for C strings
    named = [text for text in seen if text]  # it gives each empty one a name of its own
    if len(set(named)) != len(named):
        raise gguf.invalid("a token stands twice in the vocabulary", at)
    embedding = gguf.tensors.get("token_embd.weight")
    if embedding is not None and _elements(embedding.shape[1:]) != tokens.length:
        rows = _elements(embedding.shape[1:])
        raise gguf.invalid(f"{tokens.length} tokens stand against {rows} rows of `{embedding.name}`", at)
    _check_per_token(gguf, texts)
    for name, value in gguf.values.items():
        if name.startswith("tokenizer.ggml.") and name.endswith("_token_id"):
            number = gguf.integer(name)
            if number not in (-1, NO_TOKEN) and not 0 <= (number or 0) < tokens.length:
                raise gguf.invalid(f"`{name}` is {number}, and there are {tokens.length} tokens", value.offset)
    return tokens.length


def _check_per_token(gguf: Gguf, texts: list[bytes]) -> None:
    """Scores and types: one per token; a token of type byte must be written `<0xHH>`."""
    _per_token(gguf, "tokenizer.ggml.scores", frozenset({INT32, FLOAT32}), len(texts))
    types = _per_token(gguf, "tokenizer.ggml.token_type", frozenset({INT32}), len(texts))
    for text, kind in zip(texts, gguf.numbers(types) if types else (), strict=False):
        if kind == BYTE_TOKEN and not _BYTE_TEXT.fullmatch(text):
            raise gguf.invalid("a byte token is not written <0xHH>", gguf.values["tokenizer.ggml.tokens"].offset)


def _per_token(gguf: Gguf, key: str, types: frozenset[int], count: int) -> Array | None:
    array = gguf.array(key, types)
    if array is not None and array.length < count:
        raise gguf.invalid(f"`{key}` has {array.length} elements for {count} tokens", gguf.values[key].offset)
    return array


def _file_type(gguf: Gguf) -> str:
    """The name of `general.file_type`; where it is missing, the type that most bytes are in."""
    number = gguf.integer("general.file_type")
    if number in FILE_TYPES:
        return FILE_TYPES[number]
    sizes: dict[str, int] = {}
    for tensor in gguf.tensors.values():
        sizes[tensor.type.name] = sizes.get(tensor.type.name, 0) + tensor.size_bytes
    return max(sizes, key=lambda name: (sizes[name], name))


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for extent in shape:
        count *= extent
    return count
