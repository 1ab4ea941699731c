"""GGUF adapters against their model: everything that the engine would stumble over is refused first."""

import math
import random
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from runtime.adapters.check import AdapterFacts, check_adapter
from runtime.errors import AdapterInvalid, AdapterNotFound, AdapterUnsupported, LmfileError
from runtime.gguf import Gguf
from tests.adapters.folders import ADAPTER_KEYS, ADAPTER_TENSORS, BASE_TENSORS, adapter, base_model
from tests.gguf_writer import ARRAY, F32, I32, STRING, U32, Tensor, Value
from tests.gguf_writer import gguf as written

K = "blk.0.attn_k.weight"


@pytest.fixture
def base(tmp_path: Path) -> Gguf:
    return base_model(tmp_path)


def check(tmp_path: Path, base: Gguf, data: bytes) -> AdapterFacts:
    path = tmp_path / "adapter.gguf"
    path.write_bytes(data)
    return check_adapter(path, 0, 0, base)


def keys(**changes: Value | None) -> Mapping[str, Value]:
    table: dict[str, Value | None] = {**ADAPTER_KEYS, **{key.replace("__", "."): at for key, at in changes.items()}}
    return {key: value for key, value in table.items() if value is not None}


def pair(name: str, a: tuple[int, ...], b: tuple[int, ...], kind: int = 1) -> list[Tensor]:
    return [(f"{name}.lora_a", a, kind), (f"{name}.lora_b", b, kind)]


def test_a_true_one(tmp_path: Path, base: Gguf) -> None:
    facts = check(tmp_path, base, adapter())
    assert facts == AdapterFacts("llama", rank=2, alpha=4.0, pairs=1, parameters=24, size_bytes=len(adapter()))


def test_it_may_lie_anywhere_in_a_file(tmp_path: Path, base: Gguf) -> None:
    path = tmp_path / "container"
    path.write_bytes(bytes(1000) + adapter() + b"more")
    assert check_adapter(path, 1000, len(adapter()), base).pairs == 1
    with pytest.raises(AdapterInvalid, match="beyond the file's end"):
        check_adapter(path, 1000, len(adapter()) - 32, base)


def test_norms_are_left_out_as_the_engine_does(tmp_path: Path, base: Gguf) -> None:
    tensors = [*ADAPTER_TENSORS, ("blk.0.attn_norm.weight", (8,), 0)]
    assert check(tmp_path, base, adapter(tensors=tensors)).pairs == 1


def test_experts_have_a_third_dimension(tmp_path: Path, base: Gguf) -> None:
    name = "blk.0.ffn_down_exps.weight"
    assert check(tmp_path, base, adapter(tensors=pair(name, (16, 2, 3), (2, 8, 3)))).rank == 2
    for a, b in [((16, 2, 2), (2, 8, 2)), ((16, 2, 3), (2, 8, 1)), ((16, 2), (2, 8)), ((16, 2, 3, 2), (2, 8, 3, 2))]:
        with pytest.raises(AdapterInvalid, match="do not fit"):
            check(tmp_path, base, adapter(tensors=pair(name, a, b)))


INVALID: dict[str, tuple[bytes, str]] = {
    "a model": (written(), "not an adapter"),
    "no type": (adapter(keys(general__type=None)), "not an adapter"),
    "type is a number": (adapter(keys(general__type=(U32, 1))), "not a string"),
    "another architecture": (adapter(keys(general__architecture=(STRING, "qwen2"))), "`qwen2`, not `llama`"),
    "architecture is a number": (adapter(keys(general__architecture=(U32, 1))), "not a string"),
    "alpha is a whole number": (adapter(keys(adapter__lora__alpha=(U32, 4))), "32-bit floating-point"),
    "alpha is text": (adapter(keys(adapter__lora__alpha=(STRING, "4"))), "32-bit floating-point"),
    "alpha is NaN": (adapter(keys(adapter__lora__alpha=(F32, math.nan))), "is nan"),
    "alpha is infinite": (adapter(keys(adapter__lora__alpha=(F32, -math.inf))), "is -inf"),
    "alpha is huge": (adapter(keys(adapter__lora__alpha=(F32, 1e30))), "beyond 1000000"),
    "no tensors": (adapter(tensors=[]), "no tensors"),
    "half a pair": (adapter(tensors=ADAPTER_TENSORS[:1]), "lora_b` is missing"),
    "the other half": (adapter(tensors=ADAPTER_TENSORS[1:]), "lora_a` is missing"),
    "no half at all": (adapter(tensors=[*ADAPTER_TENSORS, (K, (8, 4), 0)]), "no half of a LoRA"),
    "a half of a half": (adapter(tensors=pair(f"{K}.lora_a", (8, 2), (2, 4))), "no half of a LoRA"),
    "not in the model": (adapter(tensors=pair("blk.1.attn_k.weight", (8, 2), (2, 4))), "the model has no tensor"),
    "a norm": (adapter(tensors=pair("blk.0.attn_norm.weight", (8, 2), (2, 1))), "do not fit"),
    "wrong input": (adapter(tensors=pair(K, (16, 2), (2, 4))), "do not fit"),
    "wrong output": (adapter(tensors=pair(K, (8, 2), (2, 8))), "do not fit"),
    "two ranks": (adapter(tensors=pair(K, (8, 2), (4, 4))), "do not fit"),
    "turned": (adapter(tensors=pair(K, (2, 8), (4, 2))), "do not fit"),
    "a third dimension": (adapter(tensors=pair(K, (8, 2, 2), (2, 4, 2))), "do not fit"),
    "huge rank": (adapter(tensors=pair(K, (8, 5000), (5000, 4))), "rank 5000"),
    "truncated": (adapter()[:-17], "beyond the file's end"),
    "NaN in half precision": (adapter(data=b"\xff\x7f" + bytes(62)), "not finite"),
    "infinity in half precision": (adapter(data=bytes(32) + b"\x00\xfc" + bytes(30)), "not finite"),
    "NaN in single precision": (
        adapter(tensors=pair(K, (8, 2), (2, 4), 0), data=struct.pack("<f", math.nan) + bytes(92)),
        "not finite",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_a_false_one_is_refused(tmp_path: Path, base: Gguf, name: str) -> None:
    data, reason = INVALID[name]
    with pytest.raises(AdapterInvalid, match=reason) as caught:
        check(tmp_path, base, data)
    assert "\n" not in str(caught.value)


UNSUPPORTED: dict[str, tuple[bytes, str]] = {
    "another kind": (adapter(keys(adapter__type=(STRING, "control"))), "`control`"),
    "no kind": (adapter(keys(adapter__type=None)), "`none`"),
    "activated": (adapter(keys(adapter__alora__invocation_tokens=(ARRAY, (U32, [1, 2])))), "activated"),
    "whole numbers": (adapter(tensors=pair(K, (8, 2), (2, 4), 26)), "type I32"),
    "embeddings of the output": (adapter(tensors=pair("token_embd.weight", (2, 8), (2, 8))), "embeddings"),
    "a pickle": (b"\x80\x02}q\x00.", "pickle"),
    "a zip of pickles": (b"PK\x03\x04archive/data.pkl", "pickle"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_another_kind_is_refused_by_name(tmp_path: Path, base: Gguf, name: str) -> None:
    data, reason = UNSUPPORTED[name]
    with pytest.raises(AdapterUnsupported, match=reason):
        check(tmp_path, base, data)


def test_embeddings_that_are_not_the_output(tmp_path: Path) -> None:
    base = base_model(tmp_path, tensors=[*BASE_TENSORS, ("output.weight", (8, 8), 0)])
    assert check(tmp_path, base, adapter(tensors=pair("token_embd.weight", (2, 8), (2, 8)))).rank == 2
    for a, b in [((2, 8), (3, 8)), ((8, 2), (2, 8)), ((2, 7), (2, 8))]:
        with pytest.raises(AdapterInvalid, match="do not fit"):
            check(tmp_path, base, adapter(tensors=pair("token_embd.weight", a, b)))


def test_what_is_no_file(tmp_path: Path, base: Gguf) -> None:
    for path in (tmp_path / "none", tmp_path, "a\0b"):
        with pytest.raises(AdapterNotFound):
            check_adapter(path, 0, 0, base)


def test_random_damage_is_found_or_harmless(tmp_path: Path, base: Gguf) -> None:
    """Whatever a damaged header says, what passes has shapes that fit."""
    chance = random.Random(11)
    whole = adapter()
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            facts = check(tmp_path, base, bytes(data))
            assert (facts.architecture, facts.rank, facts.parameters) == ("llama", 2, 24)
        except LmfileError as error:
            assert "\n" not in str(error)


def test_the_type_of_a_key_does_not_matter_where_the_engine_does_not_read_it(tmp_path: Path, base: Gguf) -> None:
    assert check(tmp_path, base, adapter(keys(general__name=(I32, 3), some__list=(ARRAY, (I32, [1]))))).pairs == 1
