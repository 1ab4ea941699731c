"""Which toolchain compiles an engine where, and that others use the result, with stand-ins for Apple's tools alone."""

import json
import sys
from pathlib import Path

import pytest

from bundler import archive, engine, fetch, image_files, imported, launcher, runtime_image, store, targets, toolchain
from bundler.image_recipe import ImageRecipe
from runtime.errors import UsageError

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


def image_of_a_mac(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """Export what lies in a Mac's cache as its image, small; return the file and the recipe hash."""
    monkeypatch.setenv("LMFILE_CACHE", str(folder / "mac"))
    key = ImageRecipe("macos-arm64").key
    root = store.cache_dir(runtime_image.KIND) / key
    (root / "tree").mkdir(parents=True)
    (root / "tree" / "one").write_text("one")
    written = archive.write(root / "tree", root / runtime_image.ARCHIVE)
    (root / "tree" / "one").unlink()
    (root / "tree").rmdir()
    facts = {"target": "macos-arm64", "python": "3", "glibc": "", "engine": {}, "packages": {}, **vars(written)}
    (root / runtime_image.FACTS).write_text(json.dumps(facts))
    stub = store.cache_dir(launcher.KIND) / launcher.key(launcher.recipe("macos-arm64"))
    stub.mkdir()
    (stub / "launcher").write_bytes(b"stub")
    image_files.export("macos-arm64", folder / "image.lmrt", fetch.quiet)
    return folder / "image.lmrt", key


def test_an_image_of_a_mac_is_used_where_it_is_imported(mac: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, script in TOOLS.items():
        install(mac, name, script)
    file, key = image_of_a_mac(mac, monkeypatch)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("LMFILE_CACHE", str(mac / "linux"))
    own = ImageRecipe("macos-arm64").key
    assert own != key
    assert image_files.take(file, fetch.quiet) == ("macos-arm64", True)
    assert ImageRecipe("macos-arm64").key == key == runtime_image.runtime_image("macos-arm64").root.name
    image_files.export("macos-arm64", mac / "again.lmrt", fetch.quiet)
    assert (mac / "again.lmrt").read_bytes() == file.read_bytes()
    (store.cache_dir(runtime_image.KIND) / key).rename(mac / "removed")
    assert ImageRecipe("macos-arm64").key == own
    imported.remember("macos-arm64", "")
    assert imported.compiler("macos-arm64") == ""


def test_an_image_that_says_another_compiler_is_refused(mac: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, script in TOOLS.items():
        install(mac, name, script)
    file, _ = image_of_a_mac(mac, monkeypatch)
    content = file.read_bytes()
    file.write_bytes(content.replace(b"Apple clang version 21", b"Apple clang version 22"))
    with pytest.raises(UsageError, match="another version of lmfile has made it"):
        image_files.take(file, fetch.quiet)
