"""Models that cannot be run: one sentence, the right exit code, no trace and no worker left."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.engine.config import WorkerConfig
from runtime.errors import EngineRefused
from tests.models import smollm2_gguf
from tests.runtime.engine.workers import started

ARCHITECTURE = b"\x05\0\0\0\0\0\0\0llama"


def refusal(config: WorkerConfig) -> EngineRefused:
    with started(config) as (worker, client):
        with pytest.raises(EngineRefused) as refused:
            client.wait_ready()
        assert worker.wait(10) == refused.value.exit_code
    sentence = str(refused.value)
    assert "\n" not in sentence and sentence.endswith(".") and "Traceback" not in sentence
    return refused.value


def changed(tmp_path: Path, old: bytes, new: bytes) -> WorkerConfig:
    """SmolLM2 with each such place changed."""
    assert len(old) == len(new)
    path = tmp_path / "model.gguf"
    data = smollm2_gguf().read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return WorkerConfig(str(path), n_ctx=512)


def test_an_unknown_architecture(tmp_path: Path) -> None:
    refused = refusal(changed(tmp_path, ARCHITECTURE, ARCHITECTURE.replace(b"llama", b"blama")))
    assert refused.exit_code == 22
    assert "unknown model architecture: 'blama'" in str(refused)


def test_an_unknown_tokenizer(tmp_path: Path) -> None:
    refused = refusal(changed(tmp_path, b"smollm", b"smoxxm"))
    assert refused.exit_code == 22


@pytest.mark.parametrize("size", [0, 3, 5000, 2_000_000, 50_000_000])
def test_a_truncated_model(tmp_path: Path, size: int) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(smollm2_gguf().read_bytes()[:size])
    assert refusal(WorkerConfig(str(path))).exit_code == 40


def test_no_gguf_at_all(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"hello world" * 1000)
    assert "magic" in str(refusal(WorkerConfig(str(path))))


def test_an_offset_that_is_not_the_model_s(tmp_path: Path) -> None:
    assert refusal(WorkerConfig(str(smollm2_gguf()), offset=32)).exit_code == 40


def test_a_context_beyond_memory_names_both_numbers_and_what_fits() -> None:
    refused = refusal(WorkerConfig(str(smollm2_gguf()), n_ctx=1_000_000_000))
    assert refused.exit_code == 41
    found = re.search(r"they take ([\d.]+) GB and ([\d.]+) GB .*; use -c (\d+) or less", str(refused))
    assert found
    assert float(found[1]) > float(found[2])
    assert 512 <= int(found[3]) < 1_000_000_000


def test_a_model_beyond_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    refused = refusal(WorkerConfig(str(path), size=1 << 50))
    assert refused.exit_code == 41
    assert "1125899.9 GB" in str(refused)


LIMITED_FRONT = """
import resource, sys
from runtime.engine.config import WorkerConfig
from runtime.engine.direct import DirectClient
from runtime.engine.launch import launch
from runtime.engine.protocol import Finished, Generate
from runtime.errors import EngineRefused, OutOfMemory

size, model = int(sys.argv[1]) << 20, sys.argv[2]
resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
client = DirectClient(launch(WorkerConfig(model)))
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    facts = client.wait_ready()
    events = list(client.generate(Generate(id=1, prompt="Hello", max_tokens=2)))
    print("served", facts.n_ctx, isinstance(events[-1], Finished))
except (EngineRefused, OutOfMemory) as refused:
    print("refused", refused.exit_code, refused)
client.close()
"""


@pytest.mark.parametrize("megabytes", [100, 150, 200, 250, 300, 400, 500, 600, 640, 700, 1500])
def test_little_memory_means_a_sentence_or_a_smaller_context(megabytes: int) -> None:
    """The limit is on the worker's address space, which it inherits when it is started."""
    command = [sys.executable, "-c", LIMITED_FRONT, str(megabytes), str(smollm2_gguf())]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert out.stderr == ""
    (line,) = out.stdout.splitlines()
    assert re.fullmatch(r"served \d+ True|refused 41 [^\n]+\.", line), line
