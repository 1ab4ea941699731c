"""The reader's tables against the pinned engine's source, which is the authority."""

import re
import tarfile

import pytest

from bundler import fetch
from runtime.gguf import tables

FILES = {
    "architectures": "src/llama-arch.cpp",
    "limits": "src/llama-hparams.h",
    "rope": "src/llama-model.cpp",
    "types": "ggml/include/ggml.h",
    "traits": "ggml/src/ggml.c",
    "blocks": "ggml/src/ggml-common.h",
    "file types": "include/llama.h",
}
SIZES = {"ggml_half": 2, "uint8_t": 1, "int8_t": 1, "uint16_t": 2, "int16_t": 2, "uint32_t": 4, "float": 4,
         "ggml_fp16_t": 2, "ggml_bf16_t": 2, "int32_t": 4, "int64_t": 8, "double": 8}  # fmt: skip


@pytest.fixture(scope="module")
def source() -> dict[str, str]:
    texts = {}
    with tarfile.open(fetch.fetch(fetch.pins()["llama-cpp-python"])) as tar:
        for member in tar:
            for name, path in FILES.items():
                content = tar.extractfile(member) if member.name.endswith(f"vendor/llama.cpp/{path}") else None
                if content:
                    texts[name] = content.read().decode()
    assert set(texts) == set(FILES)
    return texts


def block(text: str, start: str, end: str = "};") -> str:
    return text[text.index(start) :].partition(end)[0]


def test_architectures(source: dict[str, str]) -> None:
    names = set(re.findall(r'\{ LLM_ARCH_\w+,\s*"([^"(]+)"', block(source["architectures"], "LLM_ARCH_NAMES")))
    assert names - {"clip"} == tables.ARCHITECTURES
    assert set(tables.NOT_RUN) | tables.EMBEDDING <= tables.ARCHITECTURES


def test_file_types(source: dict[str, str]) -> None:
    lines = re.findall(
        r"^\s*LLAMA_FTYPE_(?:ALL|MOSTLY)_(\w+)\s*= (\d+)", block(source["file types"], "enum llama_ftype {"), re.M
    )
    assert {int(number): name for name, number in lines} == tables.FILE_TYPES


def test_limits(source: dict[str, str]) -> None:
    limits = dict(re.findall(r"#define (LLAMA_MAX_\w+)\s+(\d+)", source["limits"]))
    assert int(limits["LLAMA_MAX_LAYERS"]) == tables.MAX_LAYERS
    assert int(limits["LLAMA_MAX_EXPERTS"]) == tables.MAX_EXPERTS


def test_rope_scalings(source: dict[str, str]) -> None:
    found = re.findall(r'LLAMA_ROPE_SCALING_TYPE_\w+,\s*"(\w+)"', source["rope"])
    assert set(found) == tables.ROPE_SCALINGS


def test_tensor_types(source: dict[str, str]) -> None:
    """Codes from the enum, blocks and sizes from the type traits, whose constants the block file defines."""
    codes = dict(re.findall(r"^\s*GGML_TYPE_(\w+)\s*=\s*(\d+),", block(source["types"], "enum ggml_type {"), re.M))
    del codes["COUNT"]
    assert {int(code): name for name, code in codes.items()} == {
        code: kind.name for code, kind in tables.TENSOR_TYPES.items()
    }

    constants = dict(
        re.findall(r"#define (QK\w+|K_SCALE_SIZE|IQ3S_N_SCALE)\s+([\w/ ]+?)\s*(?://.*)?$", source["blocks"], re.M)
    )
    blocks = dict(re.findall(r'static_assert\(sizeof\((block_\w+)\) == (.+?), "', source["blocks"]))
    traits = re.findall(
        r"\[GGML_TYPE_(\w+)\] = \{\s*\.type_name[^,]+,\s*\.blck_size\s*= (\w+),\s*\.type_size\s*= sizeof\((\w+)\)",
        source["traits"],
    )
    found = {
        name: (value(length, constants), value(blocks.get(kind, str(SIZES.get(kind))), constants))
        for name, length, kind in traits
    }
    assert found == {kind.name: (kind.block, kind.block_bytes) for kind in tables.TENSOR_TYPES.values()}


def value(expression: str, constants: dict[str, str]) -> int:
    """What a C expression of these constants, sizeof and whole numbers comes to."""
    while names := [name for name in re.findall(r"[A-Z]\w+", expression) if name in constants]:
        expression = re.sub(rf"\b{names[0]}\b", f"({constants[names[0]]})", expression)
    expression = re.sub(r"sizeof\((\w+)\)", lambda match: str(SIZES[match[1]]), expression)
    assert re.fullmatch(r"[\d+*/() -]+", expression)
    return int(eval(expression.replace("/", "//")))
