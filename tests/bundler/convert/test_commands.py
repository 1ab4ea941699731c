"""`lmfile convert` and `lmfile quantize` as they are typed: results, exit codes, one sentence, and nothing
half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime import gguf
from tests.bundler.convert import models
from tests.models import smollm2_gguf

PROJECT = Path(__file__).resolve().parents[3]
STORIES = PROJECT / "tests" / "data" / "stories260K-hf"
LIMIT_S = 240


def lmfile(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bundler", *map(str, arguments)]
    return subprocess.run(
        command, cwd=PROJECT, env=dict(os.environ), capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def test_convert_and_quantize_one_after_the_other(python: Path, tmp_path: Path) -> None:
    full, small = tmp_path / "full.gguf", tmp_path / "small.gguf"
    done = lmfile("convert", STORIES, "-o", full, "--outtype", "f32", "--name", "Little Stories")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{full}: 1.1 MB\n", "")
    assert gguf.read(full).text("general.name") == "Little Stories"
    done = lmfile("quantize", full, "q8_0", "-o", small)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{small}: 0.3 MB, from 1.1 MB\n", "")
    assert gguf.facts(gguf.read(small)).file_type == "Q8_0"


def test_what_cannot_be_done_is_one_sentence(tmp_path: Path) -> None:
    model = models.random_model(tmp_path / "m.gguf")
    exists = tmp_path / "exists.gguf"
    exists.write_bytes(b"mine")
    for status, sentence, arguments in (
        (10, "--force", ("convert", STORIES, "-o", exists)),
        (10, "directory", ("convert", STORIES, "-o", tmp_path)),
        (10, "--base is for adapters", ("convert", STORIES, "-o", tmp_path / "o", "--base", model)),
        (34, "no such directory", ("convert", STORIES, "-o", tmp_path / "none" / "o")),
        (20, "no such file", ("convert", tmp_path / "nothing", "-o", tmp_path / "o")),
        (10, "the nearest is `Q4_K_S`", ("quantize", model, "q4_ks", "-o", tmp_path / "o")),
        (10, "importance matrix", ("quantize", model, "iq1_s", "-o", tmp_path / "o")),
        (20, "no such file", ("quantize", model, "q4_0", "-o", tmp_path / "o", "--imatrix", tmp_path / "i")),
        (28, "quantised already", ("quantize", smollm2_gguf(), "q4_0", "-o", tmp_path / "o")),
    ):
        done = lmfile(*arguments)
        assert (done.returncode, done.stdout) == (status, ""), done
        assert sentence in done.stderr
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
    assert exists.read_bytes() == b"mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["exists.gguf", "m.gguf"]


def test_help_names_every_type() -> None:
    shown = lmfile("quantize", "--help").stdout.replace("\n", " ")
    assert all(name in shown for name in ("IQ1_S", "MXFP4_MOE", "Q4_K_M", "COPY"))


@pytest.mark.parametrize("based", [True, False])
def test_an_adapter_needs_the_model_it_was_made_for(based: bool, tmp_path: Path) -> None:
    folder = PROJECT / "tests" / "data" / "adapters" / "pirate"
    output = tmp_path / "out.gguf"
    done = lmfile("convert", folder, "-o", output, *(["--base", smollm2_gguf()] if based else []))
    if based:
        assert done.returncode == 0, done
        assert gguf.read(output).text("adapter.type") == "lora"
    else:
        assert (done.returncode, output.exists()) == (10, False)
        assert "--base MODEL.gguf" in done.stderr


def test_ctrl_c_leaves_nothing_and_a_killed_run_nothing_for_long(python: Path, tmp_path: Path) -> None:
    output, work = tmp_path / "out.gguf", tmp_path / ".out.gguf.lmfile"
    command = [sys.executable, "-m", "bundler", "convert", str(STORIES), "-o", str(output)]
    for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as process:
            end = time.monotonic() + LIMIT_S
            while not list(work.glob(".lmfile-*/model/config.json")):
                assert time.monotonic() < end
                time.sleep(0.02)
            process.send_signal(number)
            _, said = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, output.exists()) == (status, False)
        assert "Traceback" not in said
        if number != signal.SIGKILL:
            assert not list(tmp_path.iterdir())
    assert work.exists()
    assert lmfile("convert", STORIES, "-o", output).returncode == 0
    assert [each.name for each in tmp_path.iterdir()] == ["out.gguf"]
