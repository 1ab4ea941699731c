"""Which files of a repository are the model."""

import pytest

from bundler.sources import hub_files, hub_name
from bundler.sources.hub_files import Entry, Listing
from runtime.errors import ModelNotFound, ModelUnsupported

QUANTS = """README.md imatrix.gguf mmproj-model-f16.gguf mtp-model-Q4_K_M.gguf model-IQ4_XS.gguf model-Q2_K.gguf
model-Q4_K_M.gguf model-Q4_K_S.gguf model-Q8_0.gguf model-UD-Q4_K_XL.gguf model-bf16.gguf"""
SPLIT = "Q8_0/big-Q8_0-00001-of-00002.gguf Q8_0/big-Q8_0-00002-of-00002.gguf big-q4_k_m.gguf"
LLAMA = """config.json generation_config.json tokenizer.json tokenizer_config.json LICENSE README.md model.py
model.safetensors.index.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors
consolidated.safetensors pytorch_model-00001-of-00001.bin original/model.safetensors"""
MINILM = "config.json modules.json tokenizer.json 1_Pooling/config.json model.safetensors onnx/model.onnx tf_model.h5"
PEFT = "adapter_config.json adapter_model.safetensors README.md adapter_model.bin optimizer.pt"


def choice(paths: str, text: str, role: str = "") -> hub_files.Choice:
    entries = tuple(Entry(path, 1, "", "") for path in sorted(paths.split()))
    return hub_files.chosen(Listing("org/repo", "0" * 40, "", entries), hub_name.read(text), role)


@pytest.mark.parametrize(
    ("paths", "text", "expected"),
    [
        (QUANTS, "hf:org/repo", "model-Q4_K_M.gguf"),
        (QUANTS, "hf:org/repo:q8_0", "model-Q8_0.gguf"),
        (QUANTS, "hf:org/repo:iq4_xs", "model-IQ4_XS.gguf"),
        (QUANTS, "hf:org/repo:Q4_K_XL", "model-UD-Q4_K_XL.gguf"),
        (QUANTS, "hf:org/repo:ud-q4_k_xl", "model-UD-Q4_K_XL.gguf"),
        (QUANTS, "hf:org/repo:BF16", "model-bf16.gguf"),
        (QUANTS, "hf:org/repo/mmproj-model-f16.gguf", "mmproj-model-f16.gguf"),
        (QUANTS.replace("Q4_K_M", "x"), "hf:org/repo", "model-Q8_0.gguf"),
        ("b.gguf a.gguf mmproj.gguf", "hf:org/repo", "a.gguf"),
        ("a.llamafile README.md", "hf:org/repo", "a.llamafile"),
        (SPLIT, "hf:org/repo", "big-q4_k_m.gguf"),
        (SPLIT, "hf:org/repo:Q8_0", "Q8_0/big-Q8_0-00001-of-00002.gguf Q8_0/big-Q8_0-00002-of-00002.gguf"),
        (
            SPLIT,
            "hf:org/repo/Q8_0/big-Q8_0-00002-of-00002.gguf",
            "Q8_0/big-Q8_0-00001-of-00002.gguf Q8_0/big-Q8_0-00002-of-00002.gguf",
        ),
    ],
)
def test_one_gguf(paths: str, text: str, expected: str) -> None:
    found = choice(paths, text)
    assert ([entry.path for entry in found.files], found.is_folder) == (expected.split(), False)


@pytest.mark.parametrize(
    ("paths", "left_out"),
    [
        (LLAMA, "consolidated.safetensors model.py original/model.safetensors pytorch_model-00001-of-00001.bin"),
        (MINILM, "onnx/model.onnx tf_model.h5"),
        (PEFT, "adapter_model.bin optimizer.pt"),
        (
            MINILM + " mmproj-f16.gguf model.fp16.safetensors",
            "mmproj-f16.gguf model.fp16.safetensors onnx/model.onnx tf_model.h5",
        ),
    ],
)
def test_a_folder(paths: str, left_out: str) -> None:
    found = choice(paths, "hf:org/repo")
    assert found.is_folder
    assert sorted(set(paths.split()) - {entry.path for entry in found.files}) == left_out.split()


@pytest.mark.parametrize(
    ("paths", "text", "message"),
    [
        (
            QUANTS,
            "hf:org/repo:Q4_K",
            "no GGUF in `Q4_K`; choose one of BF16, IQ4_XS, Q2_K, Q4_K_M, Q4_K_S, Q8_0, UD-Q4_K_XL.",
        ),
        (QUANTS, "hf:org/repo:4_XS", "no GGUF in `4_XS`"),
        ("one.gguf two.gguf", "hf:org/repo:Q4_0", "choose one of one.gguf, two.gguf."),
        (QUANTS, "hf:org/repo/model-q8_0.gguf", "no such file; write `model-Q8_0.gguf`, or see what `hf:org/repo` has"),
        ("a-00001-of-00003.gguf a-00003-of-00003.gguf", "hf:org/repo", "the repository lacks `a-00002-of-00003.gguf`"),
        ("a-00001-of-00000.gguf", "hf:org/repo", "the repository lacks its shards"),
        ("a-00001-of-99999.gguf", "hf:org/repo", "the repository lacks `a-00002-of-99999.gguf`"),
        (
            LLAMA,
            "hf:org/repo:Q4_0",
            "safetensors and no GGUF; write `hf:org/repo`, and what to quantise to apart from that",
        ),
    ],
)
def test_what_is_not_there(paths: str, text: str, message: str) -> None:
    with pytest.raises(ModelNotFound, match=message):
        choice(paths, text)


@pytest.mark.parametrize(
    ("paths", "text", "message"),
    [
        ("config.json pytorch_model.bin", "hf:org/repo", "only as pickles, which are programs and are never loaded"),
        ("model.safetensors", "hf:org/repo", "no config.json that explains them"),
        ("config.json README.md model.onnx", "hf:org/repo", "neither GGUF nor safetensors"),
        ("", "hf:org/repo", "neither GGUF nor safetensors"),
        (LLAMA, "hf:org/repo/model.py", "only .gguf and .llamafile files can be named; safetensors are `hf:org/repo`"),
        ("a.gguf b.bin", "hf:org/repo/b.bin", "only .gguf"),
    ],
)
def test_what_cannot_be_packed(paths: str, text: str, message: str) -> None:
    with pytest.raises(ModelUnsupported, match=message):
        choice(paths, text)


@pytest.mark.parametrize(
    ("text", "expected"), [("hf:org/repo", "mmproj-f16.gguf"), ("hf:org/repo:BF16", "a-mmproj-BF16.gguf")]
)
def test_what_sees_pictures(text: str, expected: str) -> None:
    found = choice("a-mmproj-BF16.gguf mmproj-f16.gguf model-Q4_K_M.gguf mmproj.bin", text, "mmproj")
    assert [entry.path for entry in found.files] == [expected]
    with pytest.raises(ModelNotFound, match="the repository has no mmproj; choose another one, or go without"):
        choice("model-Q4_K_M.gguf", text, "mmproj")


def test_titles() -> None:
    titles = [hub_files.title(Entry(path, 1, "", "")) for path in ("a/b-Q8_0.gguf", "a/b-Q8_0-00001-of-00002.gguf")]
    assert titles == ["b-Q8_0", "b-Q8_0"]
