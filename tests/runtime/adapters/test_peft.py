"""PEFT folders become GGUF adapters that say the same; what cannot be said is refused by name."""

import io
import json
import math
import operator
import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runtime import gguf
from runtime.adapters import names, numbers
from runtime.adapters.check import check_adapter
from runtime.adapters.peft import convert
from runtime.adapters.safetensors import open_safetensors
from runtime.errors import AdapterInvalid, AdapterNotFound, AdapterUnsupported
from runtime.gguf import Gguf
from tests.adapters.folders import BASE_TENSORS, CONFIG, IN, K_PROJ, OUT, PREFIX, RANK, A, B, base_model, peft_folder
from tests.gguf_writer import ARRAY, I32, TINY
from tests.gguf_writer import gguf as written
from tests.models import smollm2_gguf

TRAINED = Path(__file__).parent.parent.parent / "data" / "adapters"
Matrix = list[list[float]]


def converted(folder: Path, base: Gguf, tmp_path: Path) -> Gguf:
    """The adapter in `folder` as GGUF, which must pass the check."""
    path = tmp_path / "converted.gguf"
    with path.open("w+b") as file:
        convert(folder, base, file)
    check_adapter(path, 0, 0, base)
    return gguf.read(path)


def matrix(adapter: Gguf, name: str) -> Matrix:
    """The rows of a tensor."""
    tensor = adapter.tensors[name]
    with open(adapter.path, "rb") as file:
        file.seek(adapter.data_offset + tensor.offset)
        code = {"F16": "e", "F32": "f"}[tensor.type.name]
        count = tensor.shape[0] * tensor.shape[1]
        values = struct.unpack(f"<{count}{code}", file.read(tensor.size_bytes))
    return rows(values, tensor.shape[0])


def rows(values: Sequence[float], width: int) -> Matrix:
    return [list(values[start : start + width]) for start in range(0, len(values), width)]


def product(b: Matrix, a: Matrix, scale: float) -> Matrix:
    columns = list(zip(*a, strict=True))
    return [[scale * sum(map(operator.mul, row, column)) for column in columns] for row in b]


def delta(adapter: Gguf, name: str) -> Matrix:
    """What the engine adds to the tensor `name`: alpha / rank * B * A."""
    alpha = adapter.values["adapter.lora.alpha"].value
    assert isinstance(alpha, float)
    a = matrix(adapter, f"{name}.lora_a")
    return product(matrix(adapter, f"{name}.lora_b"), a, alpha / len(a))


def near(left: Matrix, right: Matrix, tolerance: float = 1e-3) -> bool:
    largest = max(abs(value) for row in right for value in row)
    pairs = [pair for rows in zip(left, right, strict=True) for pair in zip(*rows, strict=True)]
    return all(abs(one - other) <= tolerance * largest for one, other in pairs)


def interleaved(whole: Matrix, heads: int) -> Matrix:
    """Row 2i of a head is row i of its first half, row 2i+1 that of its second."""
    size = len(whole) // heads
    return [
        whole[head * size + part * size // 2 + row]
        for head in range(heads)
        for row in range(size // 2)
        for part in (0, 1)
    ]


WHOLE = product(rows(B, RANK), rows(A, IN), 4 / RANK)
"""What the folder of `peft_folder` adds to the key projection."""


@pytest.mark.parametrize("architecture", sorted(names.ARCHITECTURES))
def test_every_architecture_gets_its_rows_in_its_order(tmp_path: Path, architecture: str) -> None:
    base = base_model(tmp_path, architecture)
    adapter = converted(peft_folder(tmp_path / "peft"), base, tmp_path)
    expected = interleaved(WHOLE, 1) if architecture in names.ROTATED else WHOLE
    assert near(delta(adapter, "blk.0.attn_k.weight"), expected)
    assert adapter.text("general.architecture") == architecture


def test_queries_are_turned_head_by_head(tmp_path: Path) -> None:
    arrays = {
        f"{PREFIX}q_proj.lora_A.weight": ("F16", (RANK, IN), A),
        f"{PREFIX}q_proj.lora_B.weight": ("F16", (8, RANK), [*B, *B]),
    }
    adapter = converted(peft_folder(tmp_path / "peft", arrays), base_model(tmp_path), tmp_path)
    assert near(delta(adapter, "blk.0.attn_q.weight"), interleaved([*WHOLE, *WHOLE], 2))


def test_heads_may_be_counted_layer_by_layer(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    counts = {"llama.attention.head_count": (ARRAY, (I32, [2])), "llama.attention.head_count_kv": (ARRAY, (I32, [1]))}
    path.write_bytes(written({**TINY, **counts}, BASE_TENSORS))
    adapter = converted(peft_folder(tmp_path / "peft"), gguf.read(path), tmp_path)
    assert near(delta(adapter, "blk.0.attn_k.weight"), interleaved(WHOLE, 1))


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({}, 4 / RANK),
        ({"lora_alpha": 1.5}, 1.5 / RANK),
        ({"use_rslora": True}, 4 / math.sqrt(RANK)),
        ({"use_rslora": True, "r": 64, "rank_pattern": {"k_proj": RANK}}, 4 / math.sqrt(RANK)),
        ({"r": 64, "rank_pattern": {"k_proj": RANK}}, 4 / RANK),
        ({"alpha_pattern": {"k_proj": 6}}, 6 / RANK),
        ({"alpha_pattern": {"q_proj": 6}}, 4 / RANK),
        ({"alpha_pattern": {"proj": 6}}, 4 / RANK),
        ({"alpha_pattern": {"^model.layers.0.self_attn.k_proj": 6}}, 6 / RANK),
        ({"alpha_pattern": {"^k_proj": 6}}, 4 / RANK),
        ({"alpha_pattern": {"layers.0.self_attn.k_proj": 6}, "use_rslora": True}, 6 / math.sqrt(RANK)),
    ],
)
def test_how_strongly_it_is_applied(tmp_path: Path, config: dict[str, Any], scale: float) -> None:
    adapter = converted(peft_folder(tmp_path / "peft", **config), base_model(tmp_path, "qwen2"), tmp_path)
    assert near(delta(adapter, "blk.0.attn_k.weight"), product(rows(B, RANK), rows(A, IN), scale))


@pytest.mark.parametrize("name", ["pirate", "robot"])
def test_the_trained_adapters_say_the_same_as_gguf(tmp_path: Path, name: str) -> None:
    """Every tenth row that the engine adds, against the folder's own matrices."""
    base = gguf.read(smollm2_gguf())
    folder = TRAINED / name
    adapter = converted(folder, base, tmp_path)
    config = json.loads((folder / "adapter_config.json").read_text())
    rank = config["r"]
    scale = config["lora_alpha"] / (math.sqrt(rank) if config["use_rslora"] else rank)
    with open_safetensors(folder / "adapter_model.safetensors") as source:
        assert len(adapter.tensors) == len(source.entries)
        for module, tensor, heads in (
            ("self_attn.q_proj", "attn_q", 9),
            ("self_attn.v_proj", "attn_v", 0),
            ("self_attn.k_proj", "attn_k", 3),
            ("mlp.down_proj", "ffn_down", 0),
        ):
            stem = f"base_model.model.model.layers.20.{module}"
            if f"{stem}.lora_A.weight" not in source.entries:
                continue
            a, b = (_halves(source, f"{stem}.lora_{half}.weight") for half in "AB")
            ordered = interleaved(b, heads) if heads else b
            found = matrix(adapter, f"blk.20.{tensor}.weight.lora_b")
            alpha = adapter.values["adapter.lora.alpha"].value
            assert isinstance(alpha, float)
            own = product(found[::10], matrix(adapter, f"blk.20.{tensor}.weight.lora_a"), alpha / rank)
            assert near(own, product(ordered[::10], a, scale)), module


def _halves(source: Any, name: str) -> Matrix:
    data = source.data(name)
    return rows(struct.unpack(f"<{len(data) // 2}e", data), source.entries[name].shape[1])


def test_two_conversions_are_identical(tmp_path: Path) -> None:
    base, made = base_model(tmp_path), []
    backwards = dict(reversed(K_PROJ.items()))
    for arrays in (K_PROJ, K_PROJ, backwards):
        output = io.BytesIO()
        convert(peft_folder(tmp_path / "peft", arrays), base, output)
        made.append(output.getvalue())
    assert made[0] == made[1] == made[2]


def test_what_half_precision_cannot_hold_stays_single(tmp_path: Path) -> None:
    arrays = {**K_PROJ, f"{PREFIX}k_proj.lora_B.weight": ("F32", (OUT, RANK), [1e5, *B[1:]])}
    adapter = converted(peft_folder(tmp_path / "peft", arrays), base_model(tmp_path, "qwen3"), tmp_path)
    types = {name.rpartition(".")[2]: tensor.type.name for name, tensor in adapter.tensors.items()}
    assert types == {"lora_a": "F16", "lora_b": "F32"}
    assert matrix(adapter, "blk.0.attn_k.weight.lora_b")[0][0] == 1e5


def test_brain_floats() -> None:
    single = struct.pack("<3f", 1.5, -0.25, 3.0)
    upper = b"".join(single[at + 2 : at + 4] for at in (0, 4, 8))
    assert numbers.to_half(upper, "BF16", 1.0) == (struct.pack("<3e", 1.5, -0.25, 3.0), "F16")
    assert numbers.to_half(upper, "BF16", 2.0) == (struct.pack("<3e", 3.0, -0.5, 6.0), "F16")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("dtype", "code"), [("F32", "f"), ("F16", "e"), ("BF16", "f")])
def test_what_is_not_finite_is_found(dtype: str, code: str, value: float) -> None:
    largest = {"F32": 3.4028234663852886e38, "F16": 65504.0, "BF16": 3.3895313892515355e38}[dtype]
    for odd, expected in ((value, False), (largest, True), (-largest, True), (1e-45, True), (-0.0, True)):
        data = struct.pack(f"<5{code}", 1.0, -2.0, odd, 0.0, 2.5)
        if dtype == "BF16":
            data = b"".join(data[at + 2 : at + 4] for at in range(0, 20, 4))
        assert numbers.all_finite(data, dtype) is expected, odd


def test_ten_megabytes_take_less_than_two_seconds() -> None:
    data = struct.pack("<1000f", *(math.sin(index) / 50 for index in range(1000))) * 2500
    before = time.process_time()
    assert numbers.all_finite(data, "F32")
    half, _ = numbers.to_half(data, "F32", 1.0)
    numbers.rotated_rows(half, 5000, 10)
    assert time.process_time() - before < 2


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another method": ({"peft_type": "IA3"}, "type `IA3`"),
    "no method": ({"peft_type": None}, "type `None`"),
    "DoRA": ({"use_dora": True}, "DoRA"),
    "whole modules": ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    "biases": ({"bias": "all"}, "biases"),
    "its own biases": ({"lora_bias": True}, "lora_bias"),
    "turned": ({"fan_in_fan_out": True}, "fan_in_fan_out"),
    "tokens": ({"trainable_token_indices": [1]}, "embeddings"),
    "bare parameters": ({"target_parameters": ["x"]}, "target_parameters"),
    "layers twice": ({"layer_replication": [[0, 1], [0, 1]]}, "layer_replication"),
    "activated": ({"alora_invocation_tokens": [1]}, "activated"),
    "PiSSA": ({"init_lora_weights": "pissa_niter_4"}, "pissa"),
    "LoftQ": ({"init_lora_weights": "loftq"}, "loftq"),
    "a regular expression": ({"alpha_pattern": {"(a+)+$": 3}}, "not the name of a module"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_lora_is_refused_by_name(tmp_path: Path, name: str) -> None:
    config, reason = REFUSED[name]
    with pytest.raises(AdapterUnsupported, match=reason) as caught:
        convert(peft_folder(tmp_path / "peft", **config), base_model(tmp_path), io.BytesIO())
    assert caught.value.exit_code == 27
    assert "\n" not in str(caught.value)


FALSE: dict[str, tuple[dict[str, Any], str]] = {
    "alpha 0": ({"lora_alpha": 0}, "`lora_alpha` is 0"),
    "alpha NaN": ({"lora_alpha": math.nan}, "`lora_alpha` is nan"),
    "alpha huge": ({"lora_alpha": 10**400}, "`lora_alpha` is 1000"),
    "alpha true": ({"lora_alpha": True}, "`lora_alpha` is True"),
    "alpha missing": ({"lora_alpha": None}, "`lora_alpha` is None"),
    "rank 0": ({"r": 0}, "`r` is 0"),
    "rank text": ({"r": "8"}, "not a rank"),
    "pattern is a list": ({"alpha_pattern": [1]}, "not a table"),
    "pattern is infinite": ({"alpha_pattern": {"k_proj": math.inf}}, "`alpha_pattern` is inf"),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_numbers_are_refused(tmp_path: Path, name: str) -> None:
    config, reason = FALSE[name]
    with pytest.raises(AdapterInvalid, match=reason):
        convert(peft_folder(tmp_path / "peft", **config), base_model(tmp_path), io.BytesIO())


KA, KB = K_PROJ
EMBEDDED = {"base_model.model.model.embed_tokens.lora_embedding_A": ("F32", (1,), [0.0])}
RESIZED = {"base_model.model.model.embed_tokens.weight": ("F32", (1,), [0.0])}


def renamed(old: str, new: str) -> dict[str, Any]:
    return {key.replace(old, new): array for key, array in K_PROJ.items()}


TENSORS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "none": ({}, AdapterInvalid, "no tensors"),
    "half a pair": ({KA: K_PROJ[KA]}, AdapterInvalid, "one half of"),
    "wrong input": ({KA: ("F32", (2, 4), A[:8]), KB: K_PROJ[KB]}, AdapterInvalid, "do not fit"),
    "wrong output": ({KA: K_PROJ[KA], KB: ("F32", (2, 2), B[:4])}, AdapterInvalid, "do not fit"),
    "two ranks": ({KA: ("F32", (1, 8), A[:8]), KB: K_PROJ[KB]}, AdapterInvalid, "do not fit"),
    "rank 0": ({KA: ("F32", (0, 8), []), KB: ("F32", (4, 0), [])}, AdapterInvalid, "no rank"),
    "one dimension": ({KA: ("F32", (16,), A), KB: K_PROJ[KB]}, AdapterInvalid, "do not fit"),
    "NaN": ({KA: ("F32", (2, 8), [math.nan, *A[1:]]), KB: K_PROJ[KB]}, AdapterInvalid, "not finite"),
    "no such layer": (renamed("layers.0", "layers.9"), AdapterInvalid, "has nothing that is"),
    "no such module": (renamed("k_proj", "../x"), AdapterInvalid, "has nothing that is"),
    "the same twice": (
        {**K_PROJ, **renamed(".model.model.", ".model.language_model.")}, AdapterInvalid, "are the same",
    ),
    "a tied output": (
        renamed("model.layers.0.self_attn.k_proj", "lm_head"), AdapterInvalid, "has nothing that is `lm_head`",
    ),
    "DoRA": ({**K_PROJ, f"{PREFIX}k_proj.lora_magnitude_vector": ("F32", (4,), B[:4])}, AdapterUnsupported, "DoRA"),
    "embeddings": (EMBEDDED, AdapterUnsupported, "embeddings"),
    "resized": ({**K_PROJ, **RESIZED}, AdapterUnsupported, "added tokens"),
    "experts": (renamed("self_attn.k_proj", "mlp.experts.0.up_proj"), AdapterUnsupported, "experts"),
    "something else": ({**K_PROJ, "x": ("F32", (1,), [0.0])}, AdapterUnsupported, "`x` is no half of a LoRA"),
}  # fmt: skip


@pytest.mark.parametrize("name", TENSORS)
def test_false_tensors_are_refused(tmp_path: Path, name: str) -> None:
    arrays, kind, reason = TENSORS[name]
    with pytest.raises(kind, match=reason) as caught:
        convert(peft_folder(tmp_path / "peft", arrays), base_model(tmp_path), io.BytesIO())
    assert "\n" not in str(caught.value)


def test_an_unknown_architecture_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(AdapterUnsupported, match="`mamba` can only be used as GGUF"):
        convert(peft_folder(tmp_path / "peft"), base_model(tmp_path, "mamba"), io.BytesIO())


def test_false_folders(tmp_path: Path) -> None:
    base, folder = base_model(tmp_path), peft_folder(tmp_path / "peft")
    config = folder / "adapter_config.json"
    for text, kind, reason in (
        (b"{]", AdapterInvalid, "not JSON"),
        (b"[" * 100_000, AdapterInvalid, "not JSON"),
        (b'{"r": 1, "r": 2}', AdapterInvalid, "stands twice"),
        (b"[]", AdapterInvalid, "not a table"),
        (b" " * (1 << 21), AdapterInvalid, "longer than 1 MiB"),
        (b"\x80\x04.", AdapterUnsupported, "pickle"),
    ):
        config.write_bytes(text)
        with pytest.raises(kind, match=reason):
            convert(folder, base, io.BytesIO())
    config.unlink()
    with pytest.raises(AdapterNotFound):
        convert(folder, base, io.BytesIO())
    os.mkfifo(config)
    with pytest.raises(AdapterNotFound, match="not a file"):
        convert(folder, base, io.BytesIO())


def test_weights_that_are_a_pickle_are_refused_by_name(tmp_path: Path) -> None:
    folder = peft_folder(tmp_path / "peft")
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(AdapterUnsupported, match=r"adapter_model\.bin.*pickle"):
        convert(folder, base_model(tmp_path), io.BytesIO())
    assert json.loads((folder / "adapter_config.json").read_text()) == CONFIG
