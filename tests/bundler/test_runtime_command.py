"""`lmfile runtime build`, `list`, `clean`, as they are typed."""

import io
import json
import shutil

import pytest

from bundler import runtime_command, store
from bundler.analysis import builder_target
from bundler.cli import main
from bundler.console import Console
from bundler.image_recipe import ImageRecipe
from bundler.runtime_image import RuntimeImage


@pytest.fixture
def cached(image: RuntimeImage) -> RuntimeImage:
    """The image in this test's own cache, beside one that no recipe makes any more and the rest of a killed build."""
    folder = store.cache_dir("images")
    for name in (image.root.name, "0" * 64, "1" * 64 + ".partial"):
        shutil.copytree(image.root, folder / name)
    return image


def images() -> list[str]:
    return sorted(path.name for path in store.cache_dir("images").iterdir() if path.is_dir())


def test_build_prints_where_it_is(cached: RuntimeImage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtime", "build"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{store.cache_dir('images') / cached.root.name / 'runtime.tar.zst'}: ")
    assert "glibc 2.17 or newer" in said.out
    assert "Python 3.13." in said.err


def test_list_tells_current_from_unused(cached: RuntimeImage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtime", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("0" * 12)] == ["unused"]
    assert [line.split()[-1] for line in lines if line.startswith(cached.root.name[:12])] == ["current"]
    assert len(lines) == 2


def test_list_as_json(cached: RuntimeImage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtime", "list", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert {record["sha256"] for record in records} == {cached.sha256}
    assert sorted(record["current"] for record in records) == [False, True]


@pytest.mark.usefixtures("cached")
def test_clean_keeps_what_a_build_would_use(image: RuntimeImage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtime", "clean"]) == 0
    assert images() == [image.root.name]
    assert "Removed" in capsys.readouterr().out
    assert main(["runtime", "clean", "--all"]) == 0
    assert images() == []


@pytest.mark.usefixtures("cached")
def test_clean_leaves_a_build_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_command, "BUSY_TIMEOUT_S", 0.1)
    said = io.StringIO()
    with store.lock(store.cache_dir("images") / ("1" * 64 + ".lock")):
        runtime_command.clean(Console(io.StringIO(), said))
    assert "1" * 64 + ".partial" in images()
    assert "111111111111 is being built and stays" in said.getvalue()


def test_an_empty_cache(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtime", "list"]) == 0
    assert "lmfile runtime build" in capsys.readouterr().err
    assert main(["runtime", "clean"]) == 0


def test_a_target_without_an_image_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtime", "build", "--target", "windows-aarch64"]) == 10
    assert "choose one of linux-aarch64" in capsys.readouterr().err
    assert main(["runtime", "build", "--target", "amiga"]) == 10


def test_the_key_needs_nothing_but_the_recipe() -> None:
    assert len(ImageRecipe(builder_target()).key) == 64
    assert [path for kind in ("engine", "python", "images") for path in store.cache_dir(kind).iterdir()] == []
