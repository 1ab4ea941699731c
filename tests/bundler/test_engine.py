"""The engine libraries, as they are built: what they hold, need, show and cost."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from bundler import cmake, elf, llama_source
from bundler.engine import Recipe, engine
from runtime.errors import BuildFailed, UsageError
from tests.models import smollm2_gguf

TARGET = "linux-x86_64"
PROBES = Path(__file__).resolve().parent.parent / "engine"
LIMIT_S = 120
MIB = 1 << 20
ROUNDS = 20

USUAL_CACHE = os.environ.get("LMFILE_CACHE")

CPP_RUNTIME = re.compile(r"_Zn[aw]|_Zd[al]|_ZN?K?St|_ZGVNSt|_ZT[ISV]N?St|_ZN10__cxxabiv1|__cxa_|__gxx_|_Unwind_")

# EVEX and VEX encodings of the instructions that tell the CPU levels apart.
VNNI = re.compile(rb"\x62[\x02-\xf2][\x05-\x7d][\x40-\x5f\xc0-\xdf]\x50", re.DOTALL)
BF16 = re.compile(rb"\x62[\x02-\xf2][\x06-\x7e][\x40-\x5f\xc0-\xdf]\x52", re.DOTALL)
AMX = re.compile(rb"\xc4[\xe2\xc2\xa2\x82][\x03-\x7b]\x5e", re.DOTALL)


@pytest.fixture(scope="session")
def built() -> Path:
    """The engine directory, out of the builder's usual cache."""
    return engine(TARGET)


@pytest.fixture(scope="session")
def model() -> Path:
    """A GGUF of 98 MB."""
    return smollm2_gguf()


@pytest.fixture
def usual_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test that compiles: the sources and the compiler's parts are there already."""
    if USUAL_CACHE is None:
        monkeypatch.delenv("LMFILE_CACHE")
    else:
        monkeypatch.setenv("LMFILE_CACHE", USUAL_CACHE)


def probe(name: str, *arguments: object) -> Mapping[str, Any]:
    """Run one of tests/engine/ in a process of its own and return what it printed."""
    command = [sys.executable, str(PROBES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result: Mapping[str, Any] = json.loads(done.stdout)
    return result


def test_the_description_is_true(built: Path) -> None:
    facts = json.loads((built / "engine.json").read_text(encoding="utf-8"))
    described = {file["path"]: (file["size"], file["sha256"]) for file in facts["files"]}
    present = {
        path.relative_to(built).as_posix(): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in built.rglob("*")
        if path.is_file() and path.name != "engine.json" and path.suffix != ".pyc"
    }
    assert described == present
    assert facts["recipe"] == built.name == Recipe(TARGET).hash
    assert facts["llama_cpp"]["commit"].startswith(facts["options"]["LLAMA_BUILD_COMMIT"])
    assert len(facts["cpu_variants"]) == 14
    assert facts["exports"]["libllama.so"] == list(elf.read(built / "llama_cpp/lib/libllama.so").exports)


def test_every_part_has_its_licence(built: Path) -> None:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (built / "LICENSES").iterdir()}
    assert "Permission is hereby granted" in texts["llama.cpp"]
    assert "Permission is hereby granted" in texts["sgemm"]
    assert "Yann Collet" in texts["xxhash"]
    assert all(len(text) > 30 for text in texts.values())


def test_no_library_shows_its_cpp_runtime(built: Path) -> None:
    for file in elf.survey(built):
        assert file.exports
        assert not [name for name in file.exports if CPP_RUNTIME.match(name)], file.path.name


def test_each_cpu_level_has_its_instructions(built: Path) -> None:
    expected = {
        "cascadelake": {"VNNI"}, "icelake": {"VNNI"}, "cooperlake": {"VNNI", "BF16"}, "zen4": {"VNNI", "BF16"},
        "sapphirerapids": {"VNNI", "BF16", "AMX"}, "x64": set(), "haswell": set(), "skylakex": set(),
    }  # fmt: skip
    for variant, instructions in expected.items():
        code = (built / "llama_cpp" / "lib" / f"libggml-cpu-{variant}.so").read_bytes()
        patterns = {"VNNI": VNNI, "BF16": BF16, "AMX": AMX}
        found = {name for name, pattern in patterns.items() if len(pattern.findall(code)) > 20}
        assert found == instructions, variant


def test_all_libraries_live_in_one_process_and_errors_stay_inside(built: Path, model: Path, tmp_path: Path) -> None:
    answers = probe("errors_probe.py", built, model, tmp_path)
    assert len(answers["loaded"]) == len(list((built / "llama_cpp" / "lib").iterdir()))
    assert answers["opened"] == {"not a GGUF": False, "truncated": False, "unknown architecture": False, "sound": True}
    assert answers["projector"] is False
    assert answers["grammar"] == {"broken": False, "sound": True}


def test_a_model_inside_a_large_file_costs_what_it_costs_alone(built: Path, model: Path, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    shutil.copyfile(model, small)  # the original may be in use, and then stays in the page cache
    offset = embed(model, large)
    alone, inside = [], []
    for _ in range(ROUNDS):  # others use this machine, so it may take some pairs until the medians settle
        alone.append(cold_load(built, small, 0))
        inside.append(cold_load(built, large, offset))
        if not (excess := costs_above(1.1, alone, inside)):
            break
    assert not excess
    assert inside[0]["tokens"] == alone[0]["tokens"]


def test_only_the_model_is_locked(built: Path, model: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    locked = probe("load_probe.py", built, large, embed(model, large), "--mlock")["locked_bytes"]
    size = model.stat().st_size
    assert locked < 1.1 * size
    assert locked > 0.9 * size or os.geteuid() != 0  # a user may not be allowed to lock that much


def test_memory_is_cleared_without_touching_it(built: Path, model: Path, tmp_path: Path) -> None:
    found = probe("clear_probe.py", built, model, tmp_path / "file")
    assert all(found["zero"])
    assert all(found["value"])
    assert found["locked"]
    assert found["file"]
    assert found["nominal_bytes"] > 700 * MIB
    assert found["new_bytes"] < found["nominal_bytes"] / 10
    assert found["answers"][0] == found["answers"][1]


def test_cells_of_other_sequences_change_no_bit(built: Path, model: Path) -> None:
    found = probe("mask_probe.py", built, model)
    assert found["alone"] == found["behind others"] == found["between others"]


def test_a_column_has_the_same_bits_alone_and_in_any_batch(built: Path) -> None:
    found = probe("tiles_probe.py", built)
    assert "x64" in found  # every CPU runs it, most run several
    assert all(found.values()), found


@pytest.mark.timeout(900)  # it compiles for half a minute on two quiet cores
def test_a_library_is_the_same_bytes_from_any_directory(built: Path, tmp_path: Path, usual_cache: None) -> None:
    source = llama_source.unpack(tmp_path / "elsewhere and spaced")
    llama_source.apply_edits(source)
    again = Recipe(TARGET).compile(source / llama_source.LLAMA_CPP, ["ggml-base"])
    first = built / "llama_cpp" / "lib" / "libggml-base.so"
    assert (again / "bin" / first.name).read_bytes() == first.read_bytes()
    assert str(tmp_path.parent).encode() not in first.read_bytes()


def test_an_edit_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("one\ntwo\n", encoding="utf-8")
    edit = tmp_path / "0001-false.patch"
    edit.write_text("--- a/file\n+++ b/file\n@@ -1,2 +1,2 @@\n one\n-three\n+four\n", encoding="utf-8")
    monkeypatch.setattr(llama_source, "edits", lambda: [edit])
    with pytest.raises(BuildFailed, match=r"0001-false\.patch"):
        llama_source.apply_edits(tmp_path)


def test_a_target_without_engine_is_named() -> None:
    with pytest.raises(UsageError, match="plan9"):
        engine("plan9-mips")


def test_a_failing_tool_leaves_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(BuildFailed, match=r"ended with status 3; the log is") as failure:
        cmake.run([sys.executable, "-c", "print('why'); raise SystemExit(3)"], log, "a part")
    assert failure.value.log == log
    assert log.read_text(encoding="utf-8") == "why\n"


def test_a_tool_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="took longer than 1 s"):
        cmake.run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", "a part", timeout_s=1)


def test_a_missing_tool_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="cannot be started"):
        cmake.run([tmp_path / "nothing"], tmp_path / "log", "a part")


def embed(model: Path, large: Path) -> int:
    """Write `model` into a sparse file of 6 GB, between real neighbours; return its offset."""
    offset = 48_000 * 65536
    neighbour = os.urandom(MIB) * 64
    with large.open("wb") as file:
        file.truncate(6 << 30)
        file.seek(offset - len(neighbour))
        file.write(neighbour)
        file.write(model.read_bytes())
        file.write(neighbour)
        file.flush()
        os.fsync(file.fileno())
    return offset


def costs_above(factor: float, alone: Sequence[Mapping[str, Any]], inside: Sequence[Mapping[str, Any]]) -> list[str]:
    """The costs whose median is more than `factor` times as high inside."""
    slack = {"load_s": 0.005, "peak_bytes": MIB, "pss_bytes": MIB, "read_bytes": MIB}
    typical = {cost: [median(run[cost] for run in runs) for runs in (alone, inside)] for cost in slack}
    return [f"{cost} {pair}" for cost, pair in typical.items() if pair[1] > factor * pair[0] + slack[cost]]


def cold_load(built: Path, file: Path, offset: int) -> Mapping[str, Any]:
    """The costs of a load with nothing of `file` in the page cache."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return probe("load_probe.py", built, file, offset)
