"""Quantising: the files of llama-quantize byte for byte, from wherever the model lies, and one sentence where it cannot
be."""

import ctypes
import importlib.util
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from bundler import fetch, llama_source
from bundler.analysis import builder_target
from bundler.content import Slice
from bundler.convert import flow, kinds, made, planned, quantize, requantized, types
from bundler.convert.quantize import Options
from bundler.engine import engine
from bundler.recipe import WantedModel
from bundler.sources.source import Located, Progress, Provenance, Source
from runtime import gguf
from runtime.errors import ConversionFailed, DiskFull, ModelInvalid, ModelNotFound, UsageError
from tests.bundler.convert import models
from tests.models import smollm2_gguf

PROJECT = Path(__file__).resolve().parents[3]
LIMIT_S = 240
FAST = (
    "Q4_0",
    "Q5_1",
    "Q8_0",
    "Q2_K",
    "Q3_K",
    "Q4_K_M",
    "Q6_K",
    "IQ4_NL",
    "TQ1_0",
    "MXFP4_MOE",
    "Q1_0",
    "BF16",
    "F32",
    "COPY",
)
"""One of each family; `make proofs` does all of them, with each form of a matrix."""


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.random_model(tmp_path_factory.mktemp("model") / "random.gguf")


def theirs(program: Path, model: Path, name: str, folder: Path, *flags: str) -> bytes:
    """What llama-quantize writes."""
    output = folder / "theirs.gguf"
    command = [program, *flags, model, output, name, "2"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=LIMIT_S, check=True)
    return output.read_bytes()


@pytest.mark.parametrize("name", FAST)
def test_the_files_are_llama_quantizes(
    name: str, model: Path, llama_quantize: Path, tmp_path: Path, progress: Progress
) -> None:
    output = tmp_path / "ours.gguf"
    step = quantize.quantize(model, name.lower(), output, progress, threads=1)
    assert output.read_bytes() == theirs(llama_quantize, model, name, tmp_path)
    assert (step["step"], step["type"]) == ("quantize", name.lower())


@pytest.mark.parametrize("name", ["Q8_0", "Q4_0", "Q5_1"])
def test_smollm2_in_three_types_is_llama_quantizes(
    name: str, llama_quantize: Path, tmp_path: Path, progress: Progress
) -> None:
    output, again = tmp_path / "ours.gguf", Options(allow_requantize=True)
    quantize.quantize(smollm2_gguf(), name, output, progress, options=again)
    assert output.read_bytes() == theirs(llama_quantize, smollm2_gguf(), name, tmp_path, "--allow-requantize")


@pytest.mark.parametrize("form", [models.dat, models.imatrix_gguf])
@pytest.mark.parametrize("name", ["Q4_K_S", "IQ4_XS"])
def test_with_an_importance_matrix_they_are_llama_quantizes(
    form: object, name: str, model: Path, llama_quantize: Path, tmp_path: Path, progress: Progress
) -> None:
    matrix = form(tmp_path / "texts.imatrix", models.importance())  # type: ignore[operator]
    output = tmp_path / "ours.gguf"
    quantize.quantize(model, name, output, progress, matrix=matrix)
    assert output.read_bytes() == theirs(llama_quantize, model, name, tmp_path, "--imatrix", matrix.name)
    told = gguf.read(output)
    assert told.text("quantize.imatrix.file") == "texts.imatrix"  # and not where it lay
    assert told.integer("quantize.imatrix.chunks_count") == 3


def test_options_are_llama_quantizes(model: Path, llama_quantize: Path, tmp_path: Path, progress: Progress) -> None:
    for options, flags in (
        (Options(pure=True), ["--pure"]),
        (Options(leave_output_tensor=True), ["--leave-output-tensor"]),
        (
            Options(output_tensor_type="q5_1", token_embedding_type="Q4_0"),
            ["--output-tensor-type", "q5_1", "--token-embedding-type", "q4_0"],
        ),
    ):
        output = tmp_path / "ours.gguf"
        quantize.quantize(model, "q3_k_m", output, progress, options=options)
        assert output.read_bytes() == theirs(llama_quantize, model, "Q3_K_M", tmp_path, *flags), flags


def test_a_model_in_pieces_or_inside_a_file_gives_the_same(model: Path, tmp_path: Path, progress: Progress) -> None:
    data = model.read_bytes()
    (tmp_path / "inside").write_bytes(b"x" * 777 + data + b"y" * 99)
    half = len(data) // 2
    rest = Slice(tmp_path / "inside", 777 + half, len(data) - half)
    outputs = []
    for source in (model, Slice(tmp_path / "inside", 777, len(data)), (data[:half], rest)):
        quantize.quantize(source, "q4_0", tmp_path / "out.gguf", progress)
        outputs.append((tmp_path / "out.gguf").read_bytes())
    assert outputs[0] == outputs[1] == outputs[2]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["inside", "out.gguf"]


def test_what_llama_quantize_refuses_is_refused(
    model: Path, llama_quantize: Path, tmp_path: Path, progress: Progress
) -> None:
    needing = [kind.name for kind in kinds.TYPES.values() if kind.needs_imatrix]
    for name in needing:
        with pytest.raises(UsageError, match="need an importance matrix"):
            quantize.quantize(model, name, tmp_path / "ours.gguf", progress)
        with pytest.raises(subprocess.CalledProcessError):
            theirs(llama_quantize, model, name, tmp_path)
    assert len(needing) == 9


def test_the_types_are_those_of_the_pinned_source() -> None:
    source, header = pinned("tools/quantize/quantize.cpp", "include/llama.h")
    written = re.findall(r'\{ "(\w+)",\s*LLAMA_FTYPE_(\w+),', source)
    numbers = dict(re.findall(r"LLAMA_FTYPE_(\w+)\s*= (\d+),", header))
    assert [(name, int(numbers[kind])) for name, kind in written] == [(k.name, k.number) for k in kinds.TYPES.values()]
    assert types() == tuple(kinds.TYPES)


def test_the_structures_are_those_of_the_pinned_bindings() -> None:
    ours, bindings = program(), engine(builder_target()) / "llama_cpp" / "llama_cpp.py"
    code = f"""
import ctypes, sys
sys.path.insert(0, {str(bindings.parents[1])!r})
from llama_cpp import llama_cpp as b
for s in (b.llama_model_quantize_params, b.llama_model_imatrix_data, b.llama_model_kv_override):
    print(ctypes.sizeof(s), [(n[0], getattr(s, n[0]).offset, getattr(s, n[0]).size) for n in s._fields_])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    found = [
        f"{ctypes.sizeof(s)} {[(n, getattr(s, n).offset, getattr(s, n).size) for n, _ in s._fields_]}"
        for s in (ours.Parameters, ours.Importance, ours.Override)
    ]
    assert found == done.stdout.splitlines()


def test_a_type_that_there_is_not_has_a_near_one(model: Path, tmp_path: Path, progress: Progress) -> None:
    with pytest.raises(UsageError, match="the nearest is `Q4_K_M`"):
        quantize.quantize(model, "q4km", tmp_path / "out.gguf", progress)
    with pytest.raises(UsageError, match="the nearest is `q6_k`"):
        quantize.quantize(model, "q4_0", tmp_path / "out.gguf", progress, options=Options(output_tensor_type="q6k"))


def test_what_is_quantised_is_not_quantised_again_unasked(tmp_path: Path, progress: Progress) -> None:
    with pytest.raises(ConversionFailed, match="it is quantised already") as raised:
        quantize.quantize(smollm2_gguf(), "q8_0", tmp_path / "out.gguf", progress)
    assert "--allow-requantize" in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_false_models_never_reach_native_code(model: Path, tmp_path: Path, progress: Progress) -> None:
    false = tmp_path / "false.gguf"
    false.write_bytes(model.read_bytes()[:9000])
    with pytest.raises(ModelInvalid):
        quantize.quantize(false, "q4_0", tmp_path / "out.gguf", progress)
    with pytest.raises(ModelNotFound):
        quantize.quantize(tmp_path / "none.gguf", "q4_0", tmp_path / "out.gguf", progress)
    assert [each.name for each in tmp_path.iterdir()] == ["false.gguf"]


def test_native_code_that_dies_is_one_sentence(
    model: Path, tmp_path: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = tmp_path / "dying.py"
    dying.write_text(
        "import os, sys, signal; print('the last word.', flush=True); os.kill(os.getpid(), signal.SIGSEGV)"
    )
    monkeypatch.setattr(quantize, "program", lambda _name: dying)
    with pytest.raises(ConversionFailed, match="it died of signal 11 after `the last word`; the log is"):
        quantize.quantize(model, "q4_0", tmp_path / "out.gguf", progress)
    dying.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(quantize, "SILENCE_S", 0.5)
    with pytest.raises(ConversionFailed, match="nothing was heard of it for too long"):
        quantize.quantize(model, "q4_0", tmp_path / "out.gguf", progress)
    assert [each.name for each in tmp_path.iterdir()] == ["dying.py"]


def test_a_full_disk_is_found_before_the_work(
    model: Path, tmp_path: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10, 10, 0))  # type: ignore[attr-defined]
    with pytest.raises(DiskFull):
        quantize.quantize(model, "q4_0", tmp_path / "out.gguf", progress)


def test_a_build_quantises_once_and_says_what_it_did(model: Path, progress: Progress) -> None:
    source = Source(model, gguf.read(model), "random", None, Provenance("random.gguf"))
    wanted = WantedModel(str(model), quantize="q5_0")
    path, provenance = requantized(source, wanted, progress)
    assert provenance.steps == ({"step": "quantize", "type": "q5_0", "engine": "llama_cpp_python-0.3.36"},)
    before = path.stat().st_mtime_ns
    assert requantized(source, wanted, progress) == (path, provenance)
    assert path.stat().st_mtime_ns == before


def test_what_would_be_done_is_said_in_words(tmp_path: Path) -> None:
    folder = Located("m", None, True, lambda _p: tmp_path, Provenance("m"), is_folder=True)
    file = Located("m", None, True, lambda _p: tmp_path, Provenance("m"))
    assert list(planned(WantedModel("m"), folder)) == ["convert to GGUF, f16"]
    assert [step.partition(" in ")[0].split()[0] for step in planned(WantedModel("m", quantize="iq4_nl"), folder)] == [
        "convert",
        "quantise",
    ]
    assert list(planned(WantedModel("m", quantize="q4_k"), file)) == ["quantise to Q4_K"]
    with pytest.raises(UsageError, match="the nearest is `Q4_K"):
        planned(WantedModel("m", quantize="q4_kk"), file)
    with pytest.raises(UsageError, match="cannot be quantised"):
        made(tmp_path, WantedModel("m", role="mmproj", quantize="q4_k"), Provenance("m"), lambda *_: None)
    assert flow.KIND == "converted"


def pinned(*names: str) -> list[str]:
    """Files of the pinned llama.cpp."""
    found = {}
    with tarfile.open(fetch.fetch(fetch.pins()[llama_source.PIN])) as archive:
        for member in archive:
            name = member.name.rpartition(f"{llama_source.LLAMA_CPP}/")[2]
            if name in names and (content := archive.extractfile(member)):
                found[name] = content.read().decode()
    return [found[name] for name in names]


def program() -> ModuleType:
    """The program that calls native code, as a module."""
    folder = PROJECT / "build" / "convert"
    spec = importlib.util.spec_from_file_location("quantize_program", folder / "quantize.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.fspath(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(os.fspath(folder))
    return module
