"""The flow of `lmfile build`: what goes in, what is said, and what is refused before anything is written.

Launcher, image and compiled code are stand-ins here; tests/e2e builds the real thing.
"""

from pathlib import Path

import pytest

from bundler import cli, machinery
from bundler.container import Part
from bundler.runtime_image import RuntimeImage
from runtime.payload import Payload
from tests.adapters.folders import adapter
from tests.gguf_writer import ARRAY, STRING, TINY, U32, gguf


@pytest.fixture(autouse=True)
def _stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher, image = tmp_path / "launcher", tmp_path / "image"
    launcher.write_bytes(b"\x7fELF" + bytes(1000))
    (image / "LICENSES").mkdir(parents=True)
    (image / "LICENSES" / "CPython.txt").write_text("PSF")
    (image / "runtime.tar.zst").write_bytes(b"zstd" * 1000)
    made = RuntimeImage(
        root=image, target="linux-x86_64", sha256="0" * 64, size_bytes=4000, unpacked_bytes=9, python="3.13.17",
        glibc="2.17", engine={"llama_cpp_python": "0.3.36", "recipe": "abc"}, packages={"aiohttp": "3.14.5"},
    )  # fmt: skip
    monkeypatch.setattr(machinery, "launcher", lambda _target, _progress: launcher)
    monkeypatch.setattr(machinery, "runtime_image", lambda _target, _progress: made)
    monkeypatch.setattr(machinery.app, "parts", lambda _progress: [Part("app/runtime/__init__.pyc", "app", b"code")])


def build(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main(["build", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "My Modèl: v2?.gguf"
    path.write_bytes(gguf())
    return path


def test_an_executable_of_a_file(capsys: pytest.CaptureFixture[str], model: Path, output: Path) -> None:
    code, out, err = build(capsys, model, "-o", output)
    assert (code, err) == (0, "")
    size = output.stat().st_size
    assert (
        out
        == f"{output}: {size / 1e6:.1f} MB = 0.0 MB weights + {(size - 1664) / 1e6:.1f} MB engine, runtime and page\n"
    )
    payload = Payload.open(output)
    assert payload.verify(lambda _what, _done, _total: None) == []
    manifest = payload.manifest
    assert (manifest.name, manifest.target, manifest.created) == ("My Modèl: v2?", "linux-x86_64", 0)
    (packed,) = manifest.models
    assert packed.path == "models/My Modèl_ v2_.gguf"
    assert (packed.role, packed.architecture, packed.name, packed.parameters) == ("chat", "llama", "Tiny", 136)
    assert (packed.context_length, packed.file_type, packed.license) == (64, "F32", "mit")
    assert manifest.runtime["engine"]["llama_cpp_python"] == "0.3.36"
    assert manifest.runtime["sha256"] == "0" * 64
    licenses = {member.path: payload.read(member) for member in payload.by_role("license")}
    notice = "LICENSES/models/My Modèl_ v2_.txt"
    launchers = {"LICENSES/musl.txt", "LICENSES/zstd.txt"}
    assert set(licenses) == {"LICENSES/CPython.txt", "LICENSES/lmfile.txt", notice, *launchers}
    assert b"Apache License" in licenses["LICENSES/lmfile.txt"]
    assert b"MIT" in licenses[notice]


def test_a_name_and_a_known_model(
    capsys: pytest.CaptureFixture[str], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LMFILE_CACHE")
    code, out, _ = build(capsys, "smollm2", "-o", output, "--name", "Ada", "--target", "linux-x86_64")
    assert code == 0
    assert "98.4 MB weights" in out
    payload = Payload.open(output)
    assert payload.manifest.name == "Ada"
    assert payload.manifest.models[0].license == "apache-2.0"
    notice = payload.member("LICENSES/models/SmolLM2-135M-Instruct.Q4_1.txt")
    assert notice is not None
    assert b"lmfile.txt" in payload.read(notice)


def test_adapters_are_packed_with_their_model(
    capsys: pytest.CaptureFixture[str], model: Path, output: Path, tmp_path: Path
) -> None:
    tensors = [("blk.0.attn_q.weight.lora_a", (8, 2), 1), ("blk.0.attn_q.weight.lora_b", (2, 8), 1)]
    (tmp_path / "ada.gguf").write_bytes(adapter(tensors=tensors))
    code, _, err = build(capsys, model, "-o", output, "--adapter", tmp_path / "ada.gguf")
    assert (code, err) == (0, "")
    payload = Payload.open(output)
    assert [(each.name, each.path) for each in payload.manifest.adapters] == [("ada", "adapters/ada.gguf")]
    assert payload.verify(lambda _what, _done, _total: None) == []
    before = output.read_bytes()
    (tmp_path / "ada.gguf").write_bytes(adapter())
    code, out, err = build(capsys, model, "-o", output, "--adapter", f"bob={tmp_path / 'ada.gguf'}:0.5")
    assert (code, out, err.count("\n")) == (26, "", 1)
    assert "the model has no tensor `blk.0.attn_k.weight`" in err
    assert output.read_bytes() == before


REFUSED = {
    "not a GGUF": (b"not a model", 21, "not a GGUF file"),
    "truncated": (gguf()[:-10], 21, "beyond the file's end"),
    "false sizes": (gguf(offsets=[0, 2**60, 512]), 21, "instead of 256"),
    "unknown architecture": (gguf({**TINY, "general.architecture": (STRING, "hal")}), 22, "`hal` is unknown"),
    "token twice": (gguf({**TINY, "tokenizer.ggml.tokens": (ARRAY, (STRING, ["a"] * 8))}), 21, "stands twice"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_false_model_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, output: Path, name: str
) -> None:
    data, expected, reason = REFUSED[name]
    (tmp_path / "model.gguf").write_bytes(data)
    code, out, err = build(capsys, tmp_path / "model.gguf", "-o", output)
    assert (code, out, err.count("\n")) == (expected, "", 1)
    assert reason in err
    assert list(output.parent.iterdir()) == []


def test_what_is_no_model(capsys: pytest.CaptureFixture[str], tmp_path: Path, output: Path) -> None:
    assert build(capsys, tmp_path / "none.gguf", "-o", output)[0] == 20
    code, _, err = build(capsys, tmp_path, "-o", output)
    assert (code, "directory" in err) == (20, True)
    code, _, err = build(capsys, "smollm", "-o", output)
    assert (code, "`smollm2`" in err) == (20, True)
    assert list(output.parent.iterdir()) == []


def test_only_an_lmfile_is_replaced(capsys: pytest.CaptureFixture[str], model: Path, output: Path) -> None:
    output.write_text("my thesis")
    code, _, err = build(capsys, model, "-o", output)
    assert (code, "--force" in err) == (10, True)
    assert output.read_text() == "my thesis"
    assert build(capsys, model, "-o", output, "--force")[0] == 0
    assert build(capsys, model, "-o", output)[0] == 0
    code, _, err = build(capsys, model, "-o", output.parent)
    assert (code, "it is a directory" in err) == (10, True)
    code, _, err = build(capsys, model, "-o", model)
    assert (code, model.read_bytes() == gguf()) == (10, True)


def test_two_builds_are_identical(capsys: pytest.CaptureFixture[str], model: Path, output: Path) -> None:
    build(capsys, model, "-o", output)
    first = output.read_bytes()
    build(capsys, model, "-o", output)
    assert output.read_bytes() == first


def embedder() -> bytes:
    return gguf({**TINY, "general.name": (STRING, "Vectors"), "llama.pooling_type": (U32, 1)})


def test_several_models_in_one_executable(capsys: pytest.CaptureFixture[str], tmp_path: Path, output: Path) -> None:
    chat, vectors = tmp_path / "chat.gguf", tmp_path / "vectors.gguf"
    chat.write_bytes(gguf())
    vectors.write_bytes(embedder())
    wanted = [vectors, f"rerank:order={vectors}", f"draft:small={chat}", chat]
    code, out, err = build(capsys, *wanted, "-o", output)
    assert (code, err) == (0, "")
    assert f"{4 * 1664 / 1e6:.1f} MB weights" in out
    payload = Payload.open(output)
    assert [(model.role, model.path, model.name) for model in payload.manifest.models] == [
        ("chat", "models/chat.gguf", "Tiny"),
        ("embed", "models/vectors.gguf", "Vectors"),
        ("rerank", "models/order.gguf", "Vectors"),
        ("draft", "models/small.gguf", "Tiny"),
    ]
    assert payload.manifest.name == "chat"
    offsets = [member.offset for member in payload.by_role("model")]
    assert [offset % 65_536 for offset in offsets] == [0, 0, 0, 0]
    assert payload.verify(lambda _what, _done, _total: None) == []
    assert cli.main(["inspect", str(output)]) == 0
    shown = capsys.readouterr().out
    assert all(f"{role:<10}" in shown for role in ("chat", "embed", "rerank", "draft"))


def test_models_that_cannot_be_together(capsys: pytest.CaptureFixture[str], tmp_path: Path, output: Path) -> None:
    chat, vectors, small = tmp_path / "chat.gguf", tmp_path / "vectors.gguf", tmp_path / "small.gguf"
    chat.write_bytes(gguf())
    vectors.write_bytes(embedder())
    tokens = {key: value for key, value in TINY.items() if not key.startswith("tokenizer.ggml.to")}
    short = ["<unk>", "<s>", "</s>", "<0x0A>", "a", "b", "c"]
    tensors = [("token_embd.weight", (8, 7), 0), ("output_norm.weight", (8,), 0)]
    small.write_bytes(gguf({**tokens, "tokenizer.ggml.tokens": (ARRAY, (STRING, short))}, tensors))
    for wanted, exit_code, reason in [
        ([chat, chat], 10, "another one is called `chat`; write NAME="),
        ([chat, f"draft:a={chat}", f"draft:b={chat}"], 10, "there are 2 of the role draft"),
        ([vectors, f"draft:{chat}"], 10, "guesses for a chat model"),
        ([chat, f"draft:{small}"], 22, "it knows 7 tokens and `chat` 8"),
    ]:
        code, _, err = build(capsys, *wanted, "-o", output)
        assert (code, reason in err) == (exit_code, True), err
        assert not output.exists()
