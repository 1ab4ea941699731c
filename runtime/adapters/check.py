"""Holds a GGUF adapter against the model it is for, before native code sees it.

The engine's own loader lets through what ends the process later: values of another type
than it expects (an assertion), a pair for the embeddings whose halves have different
ranks, a third dimension, numbers that are not finite. All of it is refused here.
"""

import math
from pathlib import Path
from typing import NamedTuple

from runtime import gguf
from runtime.adapters.numbers import Q8_0_BLOCK_BYTES, all_finite
from runtime.adapters.safetensors import open_regular, refuse_pickle
from runtime.errors import AdapterInvalid, AdapterNotFound, AdapterUnsupported, ModelInvalid, ModelNotFound
from runtime.gguf import Gguf, Tensor
from runtime.gguf.cursor import FLOAT32

MAX_RANK = 4096
MAX_ALPHA = 1e6
CHUNK_BYTES = Q8_0_BLOCK_BYTES << 17  # whole numbers of every type
WEIGHT_TYPES = ("F32", "F16", "BF16", "Q8_0")
EMBEDDING = "token_embd.weight"
ALPHA_KEY = "adapter.lora.alpha"
INVOCATION_KEY = "adapter.alora.invocation_tokens"


class AdapterFacts(NamedTuple):
    """What an adapter is. `rank` is the largest of its pairs', `pairs` how many tensors of the model it changes;
    `alpha` 0: none, the weights are applied as they are."""

    architecture: str
    rank: int
    alpha: float
    pairs: int
    parameters: int
    size_bytes: int


class Pair(NamedTuple):
    """The two halves for one tensor of the model: what is added to it is `b` times `a`."""

    a: Tensor
    b: Tensor


def check_adapter(path: Path | str, offset: int, size: int, base: Gguf) -> AdapterFacts:
    """Check the adapter of `size` bytes (0: to the file's end) at `offset` of `path`, made for the model `base`.

    Raises: AdapterNotFound; AdapterInvalid, AdapterUnsupported with the reason.
    """
    try:
        with open_regular(Path(path)) as file:
            file.seek(offset)
            refuse_pickle(path, file.read(4))
        adapter = gguf.read(path, offset, size or None)
        alpha = _check_keys(adapter, base)
    except ModelNotFound as error:
        raise AdapterNotFound(path, error.happened) from error
    except ModelInvalid as error:
        raise AdapterInvalid(path, f"{error.reason} (at byte {error.offset})") from error
    pairs = _pairs(adapter)
    ranks = [_check_pair(adapter, name, pair, base) for name, pair in pairs.items()]
    _check_numbers(adapter, offset, [half for pair in pairs.values() for half in pair])
    return AdapterFacts(
        architecture=base.text("general.architecture") or "",
        rank=max(ranks),
        alpha=alpha,
        pairs=len(pairs),
        parameters=sum(_elements(half.shape) for pair in pairs.values() for half in pair),
        size_bytes=adapter.size_bytes,
    )


def _check_keys(adapter: Gguf, base: Gguf) -> float:
    """Hold the adapter's keys against what a LoRA of `base` has; -> its alpha."""
    kind = adapter.text("general.type")
    if kind != "adapter":
        raise AdapterInvalid(adapter.path, "it is a model or a part of one, not an adapter")
    variant = adapter.text("adapter.type")
    if variant != "lora":
        raise AdapterUnsupported(adapter.path, f"it is an adapter of the type `{(variant or 'none')[:40]}`")
    if INVOCATION_KEY in adapter.values:
        raise AdapterUnsupported(adapter.path, "it is an activated LoRA, which changes only what follows certain words")
    own, wanted = adapter.text("general.architecture"), base.text("general.architecture")
    if own != wanted:
        raise AdapterInvalid(
            adapter.path, f"it is for models of the architecture `{(own or 'none')[:40]}`, not `{wanted}`"
        )
    found = adapter.values.get(ALPHA_KEY)
    if found is None:
        return 0.0
    if found.type != FLOAT32 or not isinstance(found.value, float):
        raise AdapterInvalid(adapter.path, f"`{ALPHA_KEY}` is not a 32-bit floating-point number")
    if not abs(found.value) <= MAX_ALPHA:
        raise AdapterInvalid(adapter.path, f"`{ALPHA_KEY}` is {found.value}, beyond {MAX_ALPHA:.0f}")
    return found.value


def _pairs(adapter: Gguf) -> dict[str, Pair]:
    """The halves by the name of the model's tensor; norms, which the engine leaves out, are left out here, too."""
    halves: dict[str, dict[str, Tensor]] = {}
    for name, tensor in adapter.tensors.items():
        stem, _, half = name.rpartition(".lora_")
        if half in ("a", "b") and ".lora_" not in stem:
            halves.setdefault(stem, {})[half] = tensor
        elif not name.endswith("_norm.weight"):
            raise AdapterInvalid(adapter.path, f"its tensor `{name}` is no half of a LoRA")
    if not halves:
        raise AdapterInvalid(adapter.path, "it holds no tensors")
    for stem, found in halves.items():
        if len(found) != 2:
            missing = "a" if "b" in found else "b"
            raise AdapterInvalid(adapter.path, f"`{stem}.lora_{missing}` is missing")
    return {stem: Pair(found["a"], found["b"]) for stem, found in halves.items()}


def _check_pair(adapter: Gguf, name: str, pair: Pair, base: Gguf) -> int:
    """Hold the types and shapes of one pair against the model's tensor; -> its rank."""
    target = base.tensors.get(name)
    if target is None:
        raise AdapterInvalid(adapter.path, f"the model has no tensor `{name}`")
    for half in pair:
        if half.type.name not in WEIGHT_TYPES:
            raise AdapterUnsupported(adapter.path, f"`{half.name}` is of type {half.type.name}")
    if target.type.name == "NVFP4":
        raise AdapterUnsupported(adapter.path, f"the model's `{name}` is of type NVFP4, to which nothing can be added")
    if name == EMBEDDING and "output.weight" not in base.tensors:
        raise AdapterUnsupported(adapter.path, "it changes embeddings that are also the model's output")
    a, b, whole = _three(pair.a.shape), _three(pair.b.shape), _three(target.shape)
    rank = a[0] if name == EMBEDDING else a[1]
    if not 1 <= rank <= MAX_RANK:
        raise AdapterInvalid(adapter.path, f"`{name}` has rank {rank}, not 1 to {MAX_RANK}")
    columns = (rank, whole[1]) if name == EMBEDDING else (whole[0], rank)
    rows = (rank, whole[0]) if name == EMBEDDING else (rank, whole[1])
    if len(target.shape) not in (2, 3) or a != (*columns, whole[2]) or b != (*rows, whole[2]):
        shapes = f"{list(pair.a.shape)} and {list(pair.b.shape)}"
        raise AdapterInvalid(adapter.path, f"shapes {shapes} do not fit the model's `{name}`, {list(target.shape)}")
    return rank


def _check_numbers(adapter: Gguf, offset: int, tensors: list[Tensor]) -> None:
    """One NaN in an adapter would spread over all that is computed with it. 10 MB take 20 ms."""
    try:
        with open(adapter.path, "rb") as file:
            for tensor in tensors:
                file.seek(offset + adapter.data_offset + tensor.offset)
                left = tensor.size_bytes
                while left and (data := file.read(min(left, CHUNK_BYTES))):
                    if not all_finite(data, tensor.type.name):
                        raise AdapterInvalid(adapter.path, f"`{tensor.name}` holds numbers that are not finite")
                    left -= len(data)
    except OSError as error:
        raise AdapterNotFound(adapter.path, error.strerror or str(error)) from error


def _three(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with three extents; a fourth stays, so that it fits nothing."""
    return shape + (1,) * (3 - len(shape))


def _elements(shape: tuple[int, ...]) -> int:
    return math.prod(shape)
