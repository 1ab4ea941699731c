"""`lmfile diff` says what differs between two executables, to people and to programs, and with its exit code."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundler import cli, container, fetch
from bundler.container import Part
from bundler.signature import signed
from runtime.payload import Adapter, Assistant, Model
from tests import packing
from tests.adapters.folders import adapter

ADA = Adapter("ada", "adapters/ada.gguf", "llama", 2, 100, 0.5)
SAID = Assistant(name="Ada", greeting="Hello", system_prompt="You are Ada.\nBe brief.\nBe kind.", starters=("Why?",))


def written(folder: Path, name: str, **changes: Any) -> Path:
    extra = [Part("adapters/ada.gguf", "adapter", adapter()), *changes.pop("extra", [])]
    contents = packing.contents(folder, extra=extra, adapters=[ADA], assistant=changes.pop("assistant", SAID))
    output = folder / name / "mine"
    container.write(output, replace(contents, **changes), fetch.quiet)
    return output


def diff(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main(["diff", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = written(tmp_path, "a"), written(tmp_path, "b")
    assert diff(capsys, a, b) == (0, f"{a} and {b} hold the same.\n", "")
    code, out, _ = diff(capsys, a, b, "--json")
    assert (code, json.loads(out)) == (0, {"a": str(a), "b": str(b), "equal": True, "differences": []})


def test_texts_settings_and_versions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = SAID._replace(system_prompt="You are Ada.\nBe very brief.\nBe kind.", starters=(), color="#112233")
    a = written(tmp_path, "a", defaults={"temp": 0.5, "seed": 1}, publisher_version="1")
    b = written(tmp_path, "b", defaults={"temp": 0.6, "top-k": 3}, publisher_version="2", assistant=said)
    code, out, err = diff(capsys, a, b)
    assert (code, err) == (1, "")
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "about",
        "version 1 -> 2",
        "assistant",
        'starters - ["Why?"]',
        "system_prompt",
        "@@ -1,3 +1,3 @@",
        "You are Ada.",
        "-Be brief.",
        "+Be very brief.",
        "Be kind.",
        "color + #112233",
        "defaults",
        "seed - 1",
        "temp 0.5 -> 0.6",
        "top-k + 3",
    ]
    _, out, _ = diff(capsys, a, b, "--json")
    table = json.loads(out)
    assert table["equal"] is False
    assert {"section": "defaults", "place": "temp", "a": 0.5, "b": 0.6} in table["differences"]
    assert {"section": "defaults", "place": "top-k", "a": None, "b": 3} in table["differences"]


def test_models_adapters_and_members(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = written(tmp_path, "a")
    (model,) = packing.contents(tmp_path).models
    changed = model._replace(license="apache-2.0", provenance={"source": "hf:me/m", "revision": "abc"})
    second = Model("embed", "models/b.gguf", "bert", "B", 64, 64, "F16", "mit")
    extra = [Part("models/b.gguf", "model", b"GGUF" * 500_000), Part("LICENSES/b.txt", "license", b"text")]
    b = written(
        tmp_path, "b", models=[changed, second], adapters=[ADA._replace(scale=0.25)], extra=extra,
        runtime={"sha256": "1" * 64, "python": "3.13", "engine": {"llama_cpp_python": "0.4.0"}, "unpacked": 1},
    )  # fmt: skip
    code, out, _ = diff(capsys, a, b)
    assert code == 1
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "runtime",
        "engine llama_cpp_python 0.3.36 -> 0.4.0",
        "sha256 0000000000000000 -> 1111111111111111",
        "models",
        "models/tiny model.gguf license mit -> apache-2.0",
        'models/tiny model.gguf provenance + {"revision": "abc", "source": "hf:me/m"}',
        "models/b.gguf + embed, B, bert, F16, 2.0 MB",
        "adapters",
        "ada scale 0.5 -> 0.25",
        "members",
        "+ LICENSES/b.txt (4 bytes)",
    ]
    back = diff(capsys, b, a)[1]
    assert "- LICENSES/b.txt (4 bytes)" in back
    assert "- embed, B, bert, F16, 2.0 MB" in back


def test_our_code_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = {f"app/{number}.pyc": b"one" for number in range(10)}
    other = {f"app/{number}.pyc": b"two" for number in range(2, 13)}
    paths = []
    for name, app in (("a", one), ("b", other)):
        output = tmp_path / name
        container.write(output, packing.contents(tmp_path, app=app), fetch.quiet)
        paths.append(output)
    assert diff(capsys, *paths)[1] == "members\n  ~ app/: 8 changed, 3 added, 2 removed\n"


def test_weights_and_a_signature(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    container.write(a, packing.contents(tmp_path), fetch.quiet)
    container.write(b, packing.contents(tmp_path, model=b"GGUF"), fetch.quiet)
    signed(b, b"untrusted comment: x\n")
    lines = [" ".join(line.split()) for line in diff(capsys, a, b)[1].splitlines()]
    assert lines[:3] == ["about", "signature + present", "models"]
    assert lines[3].startswith("models/tiny model.gguf size 1600 -> 4")
    assert lines[4].startswith("models/tiny model.gguf sha256 ")
    assert len(lines) == 5


def test_a_text_drives_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model,) = packing.contents(tmp_path).models
    a, b = written(tmp_path, "a"), written(tmp_path, "b", models=[model._replace(name="\x1b[2Jx\r\n")])
    assert "\x1b" not in diff(capsys, a, b)[1]
    assert "\x1b" not in diff(capsys, a, b, "--json")[1]


def test_what_is_no_executable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = written(tmp_path, "a")
    (tmp_path / "text").write_text("x")
    for other, code in ((tmp_path / "none", 10), (tmp_path / "text", 30)):
        found, out, err = diff(capsys, a, other)
        assert (found, out, err.count("\n")) == (code, "", 1)
