"""Runtime images as files: the same bytes everywhere, taken in whole or not at all."""

import io
import json
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundler import fetch, image_files, launcher, store
from bundler.analysis import builder_target
from bundler.cli import main
from bundler.image_files import INDEX
from bundler.runtime_image import RuntimeImage
from runtime.errors import PayloadDamaged, UsageError

TARGET = builder_target()


@pytest.fixture(scope="session")
def stub() -> Path:
    """The launcher for this computer."""
    return launcher.launcher(TARGET)


@pytest.fixture(scope="session")
def exported(image: RuntimeImage, stub: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a computer exports that has image and launcher."""
    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMFILE_CACHE", str(folder / "cache"))
        for kind, root in (("images", image.root), ("launcher", stub.parent)):
            shutil.copytree(root, store.cache_dir(kind) / root.name)
        file, again = folder / "image.lmrt", folder / "again.lmrt"
        assert main(["runtime", "export", "-o", str(file)]) == 0
        image_files.export(TARGET, again, fetch.quiet)
        assert again.read_bytes() == file.read_bytes()
    return file


def kept() -> dict[str, bytes]:
    """The files in the cache."""
    root = store.cache_dir("images").parent
    folders = (root / kind for kind in ("images", "launcher"))
    files = [path for folder in folders if folder.is_dir() for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files if path.suffix != ".lock"}


def test_another_computer_takes_it_in(
    exported: Path, image: RuntimeImage, stub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runtime", "import", str(exported)]) == 0
    assert "now in the cache" in capsys.readouterr().out
    found = kept()
    assert found[f"images/{image.root.name}/runtime.tar.zst"] == image.archive.read_bytes()
    assert found[f"launcher/{stub.parent.name}/launcher"] == stub.read_bytes()
    assert main(["runtime", "import", str(exported), str(exported)]) == 0
    assert capsys.readouterr().out.count("was in the cache already") == 2
    assert kept() == found
    assert main(["runtime", "list"]) == 0
    assert "current" in capsys.readouterr().out


def test_whatever_is_changed_or_cut_off_leaves_nothing(exported: Path, tmp_path: Path) -> None:
    data, bad, dice = exported.read_bytes(), tmp_path / "bad.lmrt", random.Random(6)
    with tarfile.open(exported) as archive:
        spans = [(member.offset_data, member.size) for member in archive if member.size]
    places = [offset + dice.randrange(size) for offset, size in dice.sample(spans, 8)]
    changed = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in places]
    for content in [*changed, *(data[: dice.randrange(len(data) - 2000)] for _ in range(4)), b"", b"PK\3\4" * 999]:
        bad.write_bytes(content)
        with pytest.raises(PayloadDamaged):
            image_files.take(bad, fetch.quiet)
        _no_half()


def _no_half() -> None:
    """One of the two may be there, whole."""
    names = {Path(name).parts[1] for name in kept()}
    assert not [name for name in names if "partial" in name]
    for kind in ("images", "launcher"):
        shutil.rmtree(store.cache_dir(kind))


def _index(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda index: index.update(changes)


def _name(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda index: index["files"][0].update(name=name)


@pytest.mark.parametrize(
    "change",
    [
        _index(format=2),
        _index(target=7),
        _index(keys={}),
        _index(files=[]),
        _index(files=[{}] * 3),
        _name("../../escaped"),
        _name("/etc/passwd"),
        _name("a\\b"),
        lambda index: index["files"][0].update(size=-1),
        lambda index: index["files"][0].update(size=1 << 50),
        lambda index: index["files"][0].update(kind="models"),
        lambda index: index["files"].append(index["files"][0]),
    ],
)
def test_an_index_that_cannot_be(exported: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(PayloadDamaged):
        image_files.take(_changed(exported, tmp_path, change), fetch.quiet)
    assert not kept()


def test_one_of_another_lmfile_is_refused(exported: Path, tmp_path: Path) -> None:
    other = _changed(exported, tmp_path, lambda index: index["keys"].update(images="0" * 64))
    with pytest.raises(UsageError, match="another version"):
        image_files.take(other, fetch.quiet)
    with pytest.raises(UsageError, match="no such target"):
        image_files.take(_changed(exported, tmp_path, _index(target="plan9-mips")), fetch.quiet)
    assert not kept()


def _changed(exported: Path, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    file = folder / "changed.lmrt"
    with tarfile.open(exported) as source, tarfile.open(file, "w") as target:
        for member in source:
            content = source.extractfile(member)
            assert content
            data = content.read()
            if member.name == INDEX:
                index = json.loads(data)
                change(index)
                data = json.dumps(index).encode()
                member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    return file


def test_a_document_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear reader")
    assert main(["runtime", "export", "-o", str(letter)]) == 10
    assert main(["runtime", "export", "-o", str(tmp_path)]) == 10
    assert main(["runtime", "export", "-o", str(tmp_path / "no" / "x")]) == 10
    assert main(["runtime", "import"]) == 10
    assert main(["runtime", "list", "x.lmrt"]) == 10
    assert main(["runtime", "import", str(tmp_path / "none.lmrt")]) == 10
    assert main(["runtime", "import", str(letter)]) == 30
    assert letter.read_text() == "Dear reader"
    assert capsys.readouterr().err.count("error: ") == 7
