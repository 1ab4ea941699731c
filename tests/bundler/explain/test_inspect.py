"""`lmfile inspect`: what an executable says of itself, for people, for programs, and for neither to be harmed by."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import cli, container, fetch
from bundler.container import Part
from runtime.payload import Assistant, Model, State
from tests.packing import contents, pack

HISTORY = {
    "source": "hf:org/repo",
    "revision": "0123456789abcdef0123456789abcdef01234567",
    "files": {"model.safetensors": "0" * 64},
    "steps": [{"step": "convert", "type": "f16"}, {"step": "quantize", "type": "q4_k_m", "imatrix": "1" * 64}],
}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main(["inspect", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


@pytest.fixture
def full(tmp_path: Path, output: Path) -> Path:
    """An executable with something of everything, for another system."""
    given = contents(tmp_path)
    state = State("states/main.bin", "models/tiny model.gguf", "2" * 64, "llama.cpp abc", "f16", 1824)
    extra = [
        Part("states/main.bin", "state", b"kv" * 500),
        Part("sbom.cdx.json", "sbom", b'{"bomFormat": "CycloneDX"}'),
    ]
    wanted = replace(
        given,
        target="windows-x86_64",
        sidecar=True,
        publisher_version="1.2.3",
        models=[given.models[0]._replace(provenance=HISTORY)],
        states=[state],
        defaults={"ctx-size": 4096, "temp": 0.7},
        assistant=Assistant(system_prompt="Be kind. " * 200),
        parts=[*given.parts, *extra],
    )
    container.write(output.with_suffix(".exe"), wanted, fetch.quiet)
    return output.with_suffix(".exe")


def test_everything_is_told(capsys: pytest.CaptureFixture[str], full: Path) -> None:
    code, out, err = run(capsys, full)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("tiny 1.2.3: lmfile 0.1.0 for windows-x86_64, ")
    assert "chat      tiny model: Tiny, llama, F32, 0M parameters, 64 tokens, license mit" in lines
    assert "          from hf:org/repo at 0123456789abcdef0123456789abcdef01234567" in lines
    assert '          convert: type "f16"' in lines
    assert '          quantize: imatrix "1111' in out
    assert "baked     1,824 tokens for models/tiny model.gguf, computed by llama.cpp abc" in lines
    assert {"default   ctx-size 4096", "default   temp 0.7", "signature none"} <= set(lines)
    assert re.search(r"^sidecar   tiny\.weights, 0\.1 MB: found as tiny\.weights$", out, re.MULTILINE)
    assert re.search(r"models/tiny model\.gguf \(aside\)$", out, re.MULTILINE)
    assert "… (1,802 characters)" in out
    assert max(map(len, lines)) <= 100
    full.with_suffix(".weights").unlink()
    code, out, _ = run(capsys, full)
    assert (code, "not found beside the executable" in out) == (0, True)


def test_for_programs(capsys: pytest.CaptureFixture[str], full: Path) -> None:
    code, out, _ = run(capsys, full, "--json")
    table = json.loads(out)
    assert (code, table["version"], table["signature"], table["sidecar"]["found"]) == (0, "1.2.3", None, "tiny.weights")
    assert table["models"][0]["provenance"] == HISTORY
    assert table["states"][0]["tokens"] == 1824
    manifest = json.loads(run(capsys, full, "--manifest")[1])
    assert table.pop("size") == full.stat().st_size
    assert table | {"sidecar": manifest["sidecar"]} == manifest | {"signature": None}
    assert json.loads(run(capsys, full, "--sbom")[1]) == {"bomFormat": "CycloneDX"}
    code, out, _ = run(capsys, full, "--licenses")
    assert (code, out.count("model.txt"), out.endswith("free\n")) == (0, 1, True)


def test_without_a_bill_or_with_a_broken_one(capsys: pytest.CaptureFixture[str], tmp_path: Path, output: Path) -> None:
    code, out, err = run(capsys, pack(tmp_path, output), "--sbom")
    assert (code, out, err.count("\n")) == (10, "", 1)
    pack(tmp_path, output, extra=[Part("sbom.cdx.json", "sbom", b"[" * 100_000)])
    code, out, err = run(capsys, output, "--sbom")
    assert (code, out, err.count("\n")) == (30, "", 1)


def test_no_text_drives_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path, output: Path) -> None:
    """Names, licences and histories come from files of strangers."""
    evil = "\x1b[2J\x9b31m\rgone\n\u202eolleh\x07"
    history = {"source": evil, "steps": [{"step": evil, evil: [evil]}, 7, None], "revision": evil}
    given = contents(tmp_path)
    models = [Model("chat", "models/tiny model.gguf", evil, evil, 64, 64, evil, evil, history)]
    parts = [*given.parts, Part("LICENSES/evil.txt", "license", evil.encode())]
    container.write(output, replace(given, models=models, defaults={evil: evil}, parts=parts), fetch.quiet)
    for what in ([], ["--json"], ["--manifest"], ["--licenses"]):
        code, out, _ = run(capsys, output, *what)
        assert code == 0
        assert not [character for character in out if not character.isprintable() and character != "\n"], what
        assert "olleh" in out
    assert json.loads(run(capsys, output, "--json")[1])["models"][0]["name"] == evil


@pytest.mark.parametrize("history", [{"source": 7}, {"steps": "x"}, {"steps": [[]]}, {"revision": [1]}, {"steps": {}}])
def test_a_history_may_say_anything(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, output: Path, history: dict[str, object]
) -> None:
    given = contents(tmp_path)
    container.write(output, replace(given, models=[given.models[0]._replace(provenance=history)]), fetch.quiet)
    assert run(capsys, output)[0] == 0
