"""Turns a folder as PEFT writes it into a GGUF adapter for one model.

    base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight  ->  blk.3.attn_q.weight.lora_a

The model's own GGUF says which architecture it has, which shapes, and how many heads;
neither the original model nor any package is needed. Numbers become half precision.
"""

from pathlib import Path
from typing import IO, NamedTuple

from runtime.adapters import names, numbers
from runtime.adapters.names import Target
from runtime.adapters.peft_config import PICKLE_NAME, WEIGHTS_NAME, PeftConfig, read_config
from runtime.adapters.safetensors import PICKLED, Safetensors, open_safetensors
from runtime.errors import AdapterInvalid, AdapterUnsupported
from runtime.gguf import Gguf
from runtime.gguf.writer import NewTensor, header, write_data

PREFIX = "base_model.model."
HALVES = {".lora_A.weight": "a", ".lora_B.weight": "b"}
REFUSED_TENSORS = {
    "lora_magnitude_vector": "it was trained with DoRA, which also changes the length of weights",
    "lora_embedding_": "it changes embeddings",
    "embed_tokens": "it carries embeddings, as for added tokens",
    "lm_head": "it carries a whole output layer, as for added tokens",
    ".experts.": "it changes experts",
}


class Pair(NamedTuple):
    """The two matrices of one module, by their names in the file: A is [rank, in], B is [out, rank]."""

    module: str
    target: Target
    a: str
    b: str


def convert(folder: Path, base: Gguf, output: IO[bytes]) -> None:
    """Write the adapter in `folder`, made for the model `base`, as GGUF to the empty file `output`.

    The bytes follow from the two alone. Raises: AdapterNotFound, AdapterInvalid,
    AdapterUnsupported with the reason; OSError from `output`.
    """
    architecture = base.text("general.architecture") or ""
    if architecture not in names.ARCHITECTURES:
        raise AdapterUnsupported(folder, f"adapters for `{architecture}` can only be used as GGUF")
    config = read_config(folder)
    if not (folder / WEIGHTS_NAME).exists() and (folder / PICKLE_NAME).exists():
        raise AdapterUnsupported(folder / PICKLE_NAME, PICKLED)
    with open_safetensors(folder / WEIGHTS_NAME) as source:
        pairs = _pairs(source, base, architecture)
        values: dict[str, str | int | float] = {
            "general.architecture": architecture,
            "general.type": "adapter",
            "adapter.type": "lora",
            "adapter.lora.alpha": config.written_alpha,
        }
        planned = [tensor for pair in pairs for tensor in _plan(source, pair, base)]
        output.write(bytes(len(header(values, planned))))  # its length does not depend on the types
        written = [tensor for pair in pairs for tensor in _write(source, pair, config, output)]
        output.seek(0)
        output.write(header(values, written))
        output.flush()


def _pairs(source: Safetensors, base: Gguf, architecture: str) -> list[Pair]:
    """The modules of the file, by the name of their tensor in the model."""
    halves: dict[str, dict[str, str]] = {}
    for name in source.entries:
        module, half = _module(source.path, name)
        halves.setdefault(module, {})[half] = name
    if not halves:
        raise AdapterInvalid(source.path, "it holds no tensors")
    pairs = []
    for module, found in halves.items():
        if len(found) != 2:
            raise AdapterInvalid(source.path, f"one half of `{module[:100]}` is missing")
        target = names.target(base, architecture, module)
        if target is None:
            raise AdapterInvalid(source.path, f"the model has nothing that is `{module[:100]}`")
        pairs.append(Pair(module, target, found["a"], found["b"]))
    if len({pair.target.name for pair in pairs}) != len(pairs):
        raise AdapterInvalid(source.path, "two of its modules are the same in the model")
    return sorted(pairs, key=lambda pair: pair.target.name)


def _module(path: Path, name: str) -> tuple[str, str]:
    """The module and the half that a tensor's name means."""
    for ending, half in HALVES.items():
        if name.startswith(PREFIX) and name.endswith(ending) and ".experts." not in name:
            return name.removeprefix(PREFIX).removesuffix(ending), half
    for part, reason in REFUSED_TENSORS.items():
        if part in name:
            raise AdapterUnsupported(path, reason)
    raise AdapterUnsupported(path, f"its tensor `{name[:100]}` is no half of a LoRA")


def _plan(source: Safetensors, pair: Pair, base: Gguf) -> tuple[NewTensor, NewTensor]:
    """What is to be written for a pair, whose shapes must be those of the model's tensor."""
    a, b = source.entries[pair.a], source.entries[pair.b]
    wanted = base.tensors[pair.target.name].shape
    if len(a.shape) != 2 or len(b.shape) != 2 or a.shape[0] != b.shape[1] or (a.shape[1], b.shape[0]) != wanted:
        shapes = f"{list(a.shape)} and {list(b.shape)}"
        raise AdapterInvalid(source.path, f"shapes {shapes} of `{pair.module}` do not fit the model, {list(wanted)}")
    if not a.shape[0] or (pair.target.heads and b.shape[0] % (2 * pair.target.heads)):
        raise AdapterInvalid(source.path, f"`{pair.module}` has no rank, or rows that are not those of whole heads")
    name = pair.target.name
    return NewTensor(f"{name}.lora_a", a.shape[::-1], "F16"), NewTensor(f"{name}.lora_b", b.shape[::-1], "F16")


def _write(source: Safetensors, pair: Pair, config: PeftConfig, output: IO[bytes]) -> list[NewTensor]:
    """Append the data of a pair; -> as what it was written."""
    rank = source.entries[pair.a].shape[0]
    written = []
    for half, name in (("a", pair.a), ("b", pair.b)):
        entry = source.entries[name]
        data = source.data(name)
        if not numbers.all_finite(data, entry.dtype):
            raise AdapterInvalid(source.path, f"`{pair.module}` holds numbers that are not finite")
        if half == "b" and pair.target.heads:
            data = numbers.rotated_rows(data, entry.shape[0], pair.target.heads)
        factor = config.factor(pair.module, rank) if half == "b" else 1.0
        data, kind = numbers.to_half(data, entry.dtype, factor)
        write_data(output, data)
        written.append(NewTensor(f"{pair.target.name}.lora_{half}", entry.shape[::-1], kind))
    return written
