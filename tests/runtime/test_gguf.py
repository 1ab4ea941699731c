"""The strict reader: true files read right, and each kind of false one is refused with its byte."""

import os
import random
import struct
import time
import tracemalloc
from pathlib import Path

import pytest

from runtime import gguf
from runtime.errors import ModelInvalid, ModelNotFound, ModelUnsupported
from tests.gguf_writer import ARRAY, BOOL, F32, I32, STRING, TENSORS, TINY, U32, U64, Value
from tests.gguf_writer import gguf as written

TINYVLM = Path(__file__).parent.parent / "data" / "tinyvlm-F16.gguf"


def read(tmp_path: Path, data: bytes) -> gguf.Facts:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    return gguf.facts(gguf.read(path))


def changed(**values: Value | None) -> dict[str, Value]:
    """The tiny model's keys with some replaced or, by None, left out; `__` stands for a dot."""
    table: dict[str, Value | None] = {**TINY, **{key.replace("__", "."): value for key, value in values.items()}}
    return {key: value for key, value in table.items() if value is not None}


def changed_file(**values: Value | None) -> bytes:
    return written(changed(**values))


def array_key(element: int, length: int) -> bytes:
    """A file whose one key is an array that is not there."""
    return b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", ARRAY, element, length)


def test_a_real_file() -> None:
    model = gguf.read(TINYVLM)
    facts = gguf.facts(model)
    assert facts._replace(chat_template=None) == gguf.Facts(
        "chat", "gemma3", "tinyvlm", 179_104, 3, 64, 2048, 480, "F16", None, None
    )
    assert facts.chat_template is not None
    assert facts.chat_template.startswith("{{ bos_token }}")
    last = list(model.tensors.values())[-1]
    padding = TINYVLM.stat().st_size - (model.data_offset + last.offset + last.size_bytes)
    assert 0 <= padding < 32


def test_weights_are_read_where_they_lie_in_another_file(tmp_path: Path) -> None:
    path = tmp_path / "executable"
    path.write_bytes(b"\x7fELF" + bytes(65_532) + TINYVLM.read_bytes() + bytes(1000))
    size = TINYVLM.stat().st_size
    assert gguf.facts(gguf.read(path, 65_536, size)) == gguf.facts(gguf.read(TINYVLM))
    with pytest.raises(ModelInvalid, match="beyond the file's end"):
        gguf.read(path, 65_536, size - 1000)


def test_every_kind_of_value(tmp_path: Path) -> None:
    extra = {
        "a": (BOOL, 1),
        "b": (U64, 2**64 - 1),
        "c": (I32, -7),
        "d": (ARRAY, (STRING, ["x", "", "é"])),
        "e": (F32, 0.5),
    }
    path = tmp_path / "model.gguf"
    path.write_bytes(written({**TINY, **extra}))
    model = gguf.read(path)
    assert model.integer("b") == 2**64 - 1
    assert model.integer("c") == -7
    assert model.values["a"].value == 1
    assert model.values["e"].value == 0.5
    strings = model.array("d", frozenset({STRING}))
    assert strings is not None
    assert model.strings(strings) == [b"x", b"", "é".encode()]
    assert model.text("nothing") is None


HUGE = 2**64 - 1
FALSE_FILES = {
    "empty": (b"", "not a GGUF"),
    "text": (b"hello, this is no model at all", "not a GGUF"),
    "zip": (b"PK\3\4" + bytes(100), "not a GGUF"),
    "magic only": (b"GGUF", "the version ends 4 bytes beyond"),
    "version 1": (written(version=1), "version 1 is not"),
    "version 4": (written(version=4), "version 4 is not"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 1, 1), "big-endian"),
    "too many tensors": (b"GGUF" + struct.pack("<IQQ", 3, 65_537, 1), "claims 65537 tensors"),
    "too many keys": (b"GGUF" + struct.pack("<IQQ", 3, 1, HUGE), "keys, more than"),
    "endless key": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, HUGE), "a key is 18446744073709551615 bytes long"),
    "empty key": (written({**TINY, "": (U32, 1)}), "a key is 0 bytes long"),
    "key twice": (b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + 2 * (b"\1\0\0\0\0\0\0\0k" + bytes(5)), "stands twice"),
    "key not UTF-8": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"\xff\4\0\0\0", "not UTF-8"),
    "unknown value type": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k\x0d\0\0\0", "unknown type 13"),
    "array of arrays": (array_key(9, 1), "unknown type 9"),
    "endless array": (array_key(4, HUGE), "beyond the file's end"),
    "endless strings": (array_key(8, HUGE), "more than the file can hold"),
    "truth of 2": (written({**TINY, "k": (BOOL, 2)}), "truth value of 2"),
    "alignment 24": (written({**TINY, "general.alignment": (U32, 24)}), "not a power of two"),
    "alignment 0": (written({**TINY, "general.alignment": (U32, 0)}), "not a power of two"),
    "no dimensions": (written(tensors=[("token_embd.weight", (), 0)]), "has 0 dimensions"),
    "five dimensions": (written(tensors=[("t", (1, 1, 1, 1, 1), 0)]), "has 5 dimensions"),
    "dimension 0": (written(tensors=[("t", (8, 0), 0)]), "impossible shape"),
    "shape beyond 2^63": (written(tensors=[("t", (2**32, 2**32), 0)], data=b""), "impossible shape"),
    "unknown tensor type": (written(tensors=[("t", (8,), 5)]), "unknown type 5"),
    "no whole blocks": (written(tensors=[("t", (33,), 2)]), "not whole Q4_0 blocks"),
    "long name": (written(tensors=[("t" * 64, (8,), 0)]), "64 bytes long"),
    "tensor twice": (written(tensors=[("t", (8,), 0), ("t", (8,), 0)]), "stands twice"),
    "overlap": (written(offsets=[0, 0, 512]), "lies at 0 instead of 256"),
    "gap": (written(offsets=[0, 320, 576]), "lies at 320 instead of 256"),
    "unaligned": (written(offsets=[0, 250, 506]), "lies at 250 instead of 256"),
    "offset beyond": (written(offsets=[0, 256, HUGE]), "instead of 512"),
    "cut weights": (written()[:-1], "ends 1 bytes beyond the file's end"),
    "no weights": (written(data=b""), "beyond the file's end"),
    "no architecture": (changed_file(general__architecture=None), "`general.architecture` is missing"),
    "architecture a number": (changed_file(general__architecture=(U32, 1)), "is not a string"),
    "no block count": (changed_file(llama__block_count=None), "`llama.block_count` is missing"),
    "block count 0": (changed_file(llama__block_count=(U32, 0)), "is 0, not 1 to 512"),
    "block count 2": (changed_file(llama__block_count=(U32, 2)), "is 2, and the last block"),
    "block count 513": (changed_file(llama__block_count=(U32, 513)), "is 513, not 1 to 512"),
    "context 0": (changed_file(llama__context_length=(U32, 0)), "is 0, not 1"),
    "heads a string": (changed_file(llama__attention__head_count=(STRING, "2")), "not a whole number"),
    "heads too few": (changed_file(llama__attention__head_count=(ARRAY, (U32, []))), "one number per layer"),
    "heads negative": (changed_file(llama__attention__head_count=(I32, -1)), "not 0 to"),
    "experts": (changed_file(llama__expert_count=(U32, 1025)), "is 1025, not 0"),
    "experts unused": (changed_file(llama__expert_count=(U32, 8)), "is 0 of 8 experts"),
    "experts overused": (changed_file(llama__expert_count=(U32, 8), llama__expert_used_count=(U32, 9)), "is 9 of 8"),
    "rope scaling": (changed_file(llama__rope__scaling__type=(STRING, "magic")), "the unknown `magic`"),
    "whole numbers": (written(tensors=[(name, shape, 26) for name, shape, _ in TENSORS]), "cannot be of type I32"),
    "norm of F16": (written(tensors=[*TENSORS[:2], ("output_norm.weight", (8,), 1)]), "of type F16, and has to be F32"),
    "no tokens": (changed_file(tokenizer__ggml__tokens=None), "missing or empty"),
    "tokens of numbers": (changed_file(tokenizer__ggml__tokens=(ARRAY, (U32, [1] * 8))), "not an array of the right"),
    "token twice": (changed_file(tokenizer__ggml__tokens=(ARRAY, (STRING, [*"abcdefga"]))), "a token stands twice"),
    "token twice up to NUL": (changed_file(tokenizer__ggml__tokens=(ARRAY, (STRING, [*"abcdefg", "a\0h"]))), "twice"),
    "too few tokens": (changed_file(tokenizer__ggml__tokens=(ARRAY, (STRING, [*"abcdefg"]))), "7 tokens stand"),
    "too few scores": (changed_file(tokenizer__ggml__scores=(ARRAY, (F32, [0.0] * 7))), "has 7 elements for 8 tokens"),
    "too few types": (changed_file(tokenizer__ggml__token_type=(ARRAY, (I32, [1]))), "has 1 elements for 8 tokens"),
    "byte token": (changed_file(tokenizer__ggml__token_type=(ARRAY, (I32, [6] * 8))), "not written <0xHH>"),
    "token id": (changed_file(tokenizer__ggml__eos_token_id=(U32, 8)), "is 8, and there are 8 tokens"),
}  # fmt: skip


@pytest.mark.parametrize("name", FALSE_FILES)
def test_a_false_file_is_refused_with_reason_and_byte(tmp_path: Path, name: str) -> None:
    data, reason = FALSE_FILES[name]
    with pytest.raises(ModelInvalid, match="download it again") as raised:
        read(tmp_path, data)
    assert reason in raised.value.reason
    assert 0 <= raised.value.offset <= len(data)
    assert f"(at byte {raised.value.offset})" in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "role"),
    [
        ({}, "chat"),
        ({"llama__pooling_type": (U32, 0)}, "chat"),
        ({"llama__pooling_type": (U32, 3)}, "embed"),
        ({"llama__pooling_type": (U32, 4)}, "rerank"),
    ],
)
def test_what_a_model_is_for(tmp_path: Path, changes: dict[str, Value], role: str) -> None:
    assert read(tmp_path, changed_file(**changes)).role == role


UNSUPPORTED = {
    "architecture": (changed_file(general__architecture=(STRING, "hal9000")), "`hal9000` is unknown"),
    "adapter": (changed_file(general__type=(STRING, "adapter")), "is an adapter"),
    "projector": (changed_file(general__architecture=(STRING, "clip")), "vision or audio part"),
    "diffusion": (changed_file(general__architecture=(STRING, "llada")), "a diffusion language model"),
    "split": (changed_file(split__count=(U32, 3)), "split over several files"),
    "vocabulary": (written(tensors=[]), "no weights"),
    "no tokenizer": (changed_file(tokenizer__ggml__model=None), "no tokenizer"),
    "alignment 8": (written({**TINY, "general.alignment": (U32, 8)}, alignment=8), "not aligned to 32"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_sound_file_of_another_kind_is_refused_as_such(tmp_path: Path, name: str) -> None:
    data, reason = UNSUPPORTED[name]
    with pytest.raises(ModelUnsupported, match="use a model that") as raised:
        read(tmp_path, data)
    assert reason in raised.value.reason


def test_what_real_converters_write_is_accepted(tmp_path: Path) -> None:
    """Arrays of heads, blocks for predicting ahead left out, empty tokens, version 2, other alignments."""
    heads = changed(
        llama__attention__head_count=(ARRAY, (U32, [2])), llama__attention__head_count_kv=(ARRAY, (I32, [1]))
    )
    ahead = changed(llama__block_count=(U32, 2), llama__nextn_predict_layers=(U32, 1))
    empty = changed(tokenizer__ggml__tokens=(ARRAY, (STRING, ["<unk>", "", "", "<0x0A>", "a", "b", "c", "d"])))
    for data in (written(heads), written(ahead), written(empty), written(version=2), written() + bytes(31)):
        assert read(tmp_path, data).parameters == 8 * 8 * 2 + 8
    wide = written({**TINY, "general.alignment": (U32, 4096)}, alignment=4096)
    assert read(tmp_path, wide).vocabulary == 8


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, reason in (
        (tmp_path, "directory"),
        (pipe, "not a file"),
        (tmp_path / "none", "no such file"),
        (Path("a\0b"), "null"),
    ):
        with pytest.raises(ModelNotFound, match=reason):
            gguf.read(path)


def test_a_vocabulary_of_262_144_tokens_reads_quickly(tmp_path: Path) -> None:
    count = 262_144
    values = changed(
        tokenizer__ggml__tokens=(ARRAY, (STRING, [f"token{index}" for index in range(count)])),
        tokenizer__ggml__scores=(ARRAY, (F32, [0.0] * count)),
        tokenizer__ggml__token_type=(ARRAY, (I32, [1] * count)),
    )
    path = tmp_path / "model.gguf"
    path.write_bytes(written(values, [("token_embd.weight", (8, count), 0), *TENSORS[1:]]))
    began = time.process_time()
    assert gguf.facts(gguf.read(path)).vocabulary == count
    assert time.process_time() - began < 1.0


def mutants(data: bytes, header: int, count: int) -> list[bytes]:
    """Bit flips, extreme 64-bit numbers, zeroed ranges and cuts of the first `header` bytes."""
    chance = random.Random(len(data))
    made = []
    for _ in range(count):
        mutant = bytearray(data)
        at = chance.randrange(header)
        kind = chance.randrange(4)
        if kind == 0:
            mutant[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            extreme = chance.choice((0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, 2**62, len(data)))
            mutant[at : at + 8] = extreme.to_bytes(8, "little")
        elif kind == 2:
            end = min(at + chance.randrange(1, 64), len(data))
            mutant[at:end] = bytes(end - at)
        else:
            del mutant[at:]
        made.append(bytes(mutant))
    return made


@pytest.mark.parametrize("which", ["tinyvlm", "tiny"])
def test_mutants_raise_nothing_but_our_errors_and_take_no_memory(tmp_path: Path, which: str) -> None:
    data = TINYVLM.read_bytes() if which == "tinyvlm" else written()
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    header = gguf.read(path).data_offset
    refused = 0
    tracemalloc.start()
    try:
        for mutant in mutants(data, header, 1000):
            path.write_bytes(mutant)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                gguf.facts(gguf.read(path))
            except (ModelInvalid, ModelUnsupported):
                refused += 1
            assert tracemalloc.get_traced_memory()[1] - before < 4 * len(data) + (1 << 20)
    finally:
        tracemalloc.stop()
    assert refused > 300  # the rest changed a text or a number that may be anything


@pytest.mark.parametrize("cut", range(0, 1600, 7))
def test_a_cut_file_is_always_refused(tmp_path: Path, cut: int) -> None:
    data = written()
    path = tmp_path / "model.gguf"
    path.write_bytes(data[: min(cut, len(data) - 1)])
    with pytest.raises(ModelInvalid):
        gguf.read(path)
