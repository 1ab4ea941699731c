"""Which toolchain compiles an engine where, with stand-ins for Apple's tools alone."""

import sys
from pathlib import Path

import pytest

from bundler import engine, store, targets, toolchain

FOLDER = store.build_dir() / "engine"
MAC = {"toolchain": "zig-macos.cmake", "native_toolchain": "apple.cmake"}
TOOLS = {
    "xcode-select": "echo /Library/Developer/CommandLineTools",
    "xcrun": 'case "$1" in clang) echo "Apple clang version 21.0.0" ;; *) echo 26.1 ;; esac',
}


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Mac without Apple's tools; they can be put into the directory."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_zig_compiles_for_every_target_from_here() -> None:
    for target in targets.names():
        recipe = engine.Recipe(target)
        assert recipe.hash == engine.Recipe(target).hash
        chosen = toolchain.choose(engine._target_table(target), FOLDER)
        assert chosen.compiler == ""
        assert FOLDER / "zig.cmake" in chosen.files()
        assert all(file.is_file() for file in chosen.files())


def test_all_that_a_toolchain_includes_is_in_the_recipe() -> None:
    names = [file.name for file in toolchain.choose(MAC, FOLDER).files()]
    assert names[:3] == ["zig-macos.cmake", "zig-arm.cmake", "zig.cmake"]
    assert toolchain.choose({}, FOLDER).files()[0] == FOLDER / "zig.cmake"


def test_a_mac_with_apples_tools_uses_them_and_says_which(mac: Path) -> None:
    for name, script in TOOLS.items():
        assert toolchain.choose(MAC, FOLDER).file.name == "zig-macos.cmake"
        install(mac, name, script)
    assert toolchain.choose(MAC, FOLDER) == (FOLDER / "apple.cmake", "Apple clang version 21.0.0\n26.1")
    assert toolchain.choose({}, FOLDER) == (FOLDER / "zig.cmake", "")
    first = engine.Recipe("macos-arm64").hash
    install(mac, "xcrun", "echo 27.0")
    assert engine.Recipe("macos-arm64").hash != first
    install(mac, "xcrun", "exit 72")
    assert toolchain.choose(MAC, FOLDER).compiler == ""
