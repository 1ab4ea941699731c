"""`lmfile doctor`: what it says is so, no secret is told, and nothing is asked of the network unless it is told to."""

import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundler import cmake, store
from bundler.analysis import builder_target
from bundler.cli import main
from bundler.doctor import computer, places, tools
from bundler.runtime_image import RuntimeImage
from runtime.errors import BuildFailed

PROJECT = Path(__file__).resolve().parents[2]
SECRET = "hf_thisMustNotBeTold"


def looked(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert main(["doctor", "--json", *arguments]) == status
    return json.loads(capsys.readouterr().out)


def finding(table: Any, name: str) -> Any:
    return next(one for one in table["findings"] if one["name"] == name)


def test_a_target_is_cached_when_its_image_is(image: RuntimeImage, capsys: pytest.CaptureFixture[str]) -> None:
    def own() -> Any:
        table = looked(capsys)
        assert table["can_build"]
        return next(target for target in table["targets"] if target["name"] == builder_target())

    assert own()["can"] == "makes"
    shutil.copytree(image.root, store.cache_dir("images") / image.root.name)
    assert own()["can"] == "cached"


def test_targets_that_cannot_be_made_say_what_they_lack(capsys: pytest.CaptureFixture[str]) -> None:
    targets = {target["name"]: target for target in looked(capsys)["targets"]}
    assert set(targets) == {path.stem for path in (store.build_dir() / "targets").glob("*.toml")}
    for name, target in targets.items():
        has_engine = "[engine]" in (store.build_dir() / "targets" / f"{name}.toml").read_text()
        assert (target["can"] == "makes") == has_engine, target


def test_a_tool_that_is_missing_is_the_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def gone() -> Path:
        raise BuildFailed("the engine", "no ninja")

    monkeypatch.setitem(tools.TOOLS, "ninja", ("ninja", gone))
    assert main(["doctor"]) == 24
    said = capsys.readouterr()
    assert "MISSING ninja" in said.out
    assert said.err.startswith("error: Building for ")
    assert said.err.count("\n") == 1
    assert cmake.ninja().exists(), "and it is there after all"


def test_without_a_single_package_it_says_which_are_missing() -> None:
    command = [sys.executable, "-S", "-m", "bundler", "doctor"]  # without what is installed
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 24
    assert done.stdout.count("MISSING") == 4
    assert "zstandard" in done.stdout
    assert done.stderr.startswith("error: Building for ")
    assert done.stderr.count("\n") == 1


def test_no_cache_and_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("LMFILE_CACHE", str(blocked / "cache"))
    assert finding(looked(capsys, status=24), "cache")["state"] == "missing"
    monkeypatch.setenv("LMFILE_CACHE", str(tmp_path / "cache"))
    assert finding(looked(capsys, "-o", str(tmp_path / "nowhere"), status=24), "output")["state"] == "missing"


def test_secrets_are_not_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    assert "no token" in finding(looked(capsys), "hub")["text"]
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setattr(constants, "ENDPOINT", f"https://me:{SECRET}@hub.example/x?key={SECRET}")
    assert finding(looked(capsys), "hub")["text"] == "https://hub.example/x; a token"
    assert main(["doctor"]) == 0
    assert SECRET not in capsys.readouterr().out


def test_models_of_ollama_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    assert "none" in finding(looked(capsys), "ollama")["text"]
    manifest = tmp_path / "manifests" / "registry.ollama.ai" / "library" / "smollm2" / "135m"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    assert ": 1 model" in finding(looked(capsys), "ollama")["text"]


class _Answering(http.server.BaseHTTPRequestHandler):
    n_asked = 0

    def do_HEAD(self) -> None:
        type(self).n_asked += 1
        self.send_response(403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_network_is_asked_only_where_it_is_wanted(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setenv(places.INDEX_VARIABLE, address)
    before = _Answering.n_asked
    looked(capsys)
    assert _Answering.n_asked == before
    assert finding(looked(capsys, "--online"), "package index")["state"] == "good"
    assert _Answering.n_asked == before + 2
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv(places.INDEX_VARIABLE, f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert "does not answer" in finding(looked(capsys, "--online"), "package index")["text"]


def test_reflinks_are_what_the_file_system_does(tmp_path: Path) -> None:
    found = {one.name: one for one in computer.findings(tmp_path)}
    assert found["reflinks"].state in ("good", "note")
    assert not list(tmp_path.iterdir())
