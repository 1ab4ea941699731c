"""Adapters by name: what may be used, in which order, when it is looked at again, and that nothing else is."""

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.adapters import converted as converted_module
from runtime.adapters import registry as registry_module
from runtime.adapters.catalogue import Catalogue, Wanted, adapter_name, decode, encode
from runtime.adapters.converted import Converted
from runtime.adapters.registry import AdapterSource, Model, Registry, from_config
from runtime.engine.config import WorkerConfig, from_arguments
from runtime.errors import AdapterInvalid, AdapterNotFound, AdapterUnsupported
from tests.adapters.folders import adapter, base_model, peft_folder


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(base_model(tmp_path).path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "adapters"
    path.mkdir()
    return path


def registry(
    model: Model, folder: Path | None = None, fixed: Sequence[Wanted] = (), cache: Path | None = None
) -> Registry:
    return Registry(Catalogue(fixed, folder), model, Converted(cache))


def put(path: Path, data: bytes | None = None) -> Path:
    path.write_bytes(adapter() if data is None else data)
    return path


def names(catalogue: Catalogue) -> list[tuple[int, str]]:
    return [(listed.id, listed.wanted.name) for listed in catalogue.all()]


def test_command_line_first_then_packed_then_the_folder(model: Model, folder: Path, tmp_path: Path) -> None:
    own = put(tmp_path / "own.gguf")
    put(folder / "b.gguf")
    put(folder / "a.GGUF")
    peft_folder(folder / "c")
    put(folder / "notes.txt")
    put(folder / ".hidden.gguf")
    (folder / "empty").mkdir()
    found = registry(model, folder, [Wanted("own", str(own)), Wanted("packed", str(own), 0, 99, 0.0)])
    assert names(found.catalogue) == [(0, "own"), (1, "packed"), (2, "a"), (3, "b"), (4, "c")]
    put(folder / "0.gguf")
    assert found.find("0").id == 5
    (folder / "a.GGUF").unlink()
    assert names(found.catalogue) == [(0, "own"), (1, "packed"), (3, "b"), (4, "c"), (5, "0")]
    assert found.defaults() == [("own", 1.0)]


def test_a_source_says_where_and_what(model: Model, folder: Path) -> None:
    path = put(folder / "a.gguf")
    source = registry(model, folder).find("a")
    assert (source.name, source.path, source.offset, source.size) == ("a", str(path), 0, path.stat().st_size)
    assert (source.scale_default, source.facts.rank, source.facts.alpha) == (0.0, 2, 4.0)
    assert hash(source)


def test_one_inside_another_file(model: Model, tmp_path: Path) -> None:
    path = put(tmp_path / "executable", bytes(64) + adapter() + bytes(64))
    source = registry(model, None, [Wanted("packed", str(path), 64, len(adapter()), 0.5)]).find("packed")
    assert (source.offset, source.size, source.scale_default) == (64, len(adapter()), 0.5)


@pytest.mark.parametrize(
    "name", ["", "none", "../a", "a.gguf", "/etc/passwd", "a\0b", "..", "x/../a", "ä" * 5000, "adapters/a", "C:\\a"]
)
def test_a_name_is_never_a_path(model: Model, folder: Path, name: str) -> None:
    put(folder / "a.gguf")
    put(folder.parent / "b.gguf")
    with pytest.raises(AdapterNotFound, match="none of this name") as caught:
        registry(model, folder).find(name)
    assert len(str(caught.value)) < 300


def test_a_link_out_of_the_folder_is_not_followed(model: Model, folder: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside.gguf")
    apart = peft_folder(tmp_path / "apart")
    (folder / "a.gguf").symlink_to(outside)
    (folder / "b").symlink_to(apart)
    half = peft_folder(folder / "c")
    (half / "adapter_model.safetensors").unlink()
    (half / "adapter_model.safetensors").symlink_to(apart / "adapter_model.safetensors")
    (folder / "loop.gguf").symlink_to(folder / "loop.gguf")
    put(folder / "true.gguf")
    (folder / "inside.gguf").symlink_to(folder / "true.gguf")
    found = registry(model, folder)
    assert [name for _, name in names(found.catalogue)] == ["inside", "true"]
    found.find("true")
    (folder / "true.gguf").unlink()
    (folder / "true.gguf").symlink_to(outside)
    with pytest.raises(AdapterNotFound, match="no longer in its folder"):
        found.find("true")


def test_what_is_wrong_is_said_at_every_request_and_mended_by_a_new_file(model: Model, folder: Path) -> None:
    path = put(folder / "a.gguf", b"GGUF nothing")
    found = registry(model, folder)
    assert names(found.catalogue) == [(0, "a")]
    for _ in range(3):
        with pytest.raises(AdapterInvalid):
            found.find("a")
    put(path)
    assert found.find("a").facts.rank == 2
    path.unlink()
    with pytest.raises(AdapterNotFound):
        found.find("a")


def test_a_replaced_file_is_another_source(model: Model, folder: Path) -> None:
    path = put(folder / "a.gguf")
    found = registry(model, folder)
    first = found.find("a")
    assert found.find("a") is first
    os.utime(path, ns=(1, 1))
    second = found.find("a")
    assert (second != first, second.id) == (True, first.id)


def test_a_pickle_in_the_folder_is_refused_by_name(model: Model, folder: Path) -> None:
    put(folder / "a.gguf", b"\x80\x02}.")
    (peft_folder(folder / "b") / "adapter_model.safetensors").rename(folder / "b" / "adapter_model.bin")
    for name in ("a", "b"):
        with pytest.raises(AdapterUnsupported, match="pickle"):
            registry(model, folder).find(name)


def test_the_fixed_ones_are_checked_when_told(model: Model, tmp_path: Path) -> None:
    good, bad = put(tmp_path / "good.gguf"), put(tmp_path / "bad.gguf", adapter()[:100])
    registry(model, None, [Wanted("good", str(good))]).check_fixed()
    with pytest.raises(AdapterInvalid, match=r"bad\.gguf"):
        registry(model, None, [Wanted("good", str(good)), Wanted("bad", str(bad))]).check_fixed()
    with pytest.raises(AdapterNotFound):
        registry(model, None, [Wanted("gone", str(tmp_path / "gone"))]).check_fixed()


def test_a_folder_that_is_gone(model: Model, tmp_path: Path) -> None:
    with pytest.raises(AdapterNotFound):
        registry(model, tmp_path / "none").find("a")


def test_a_converted_folder_is_kept_in_the_cache(model: Model, folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = peft_folder(folder / "a")
    first = registry(model, folder, cache=cache).find("a")
    assert Path(first.path).parent == cache / "adapters"
    before = Path(first.path).stat().st_ino
    second = registry(model, folder, cache=cache).find("a")
    assert (second.path, Path(second.path).stat().st_ino) == (first.path, before)
    peft_folder(path, lora_alpha=7)
    third = registry(model, folder, cache=cache).find("a")
    assert (third.path != first.path, third.facts.alpha) == (True, 7.0)
    assert len(list((cache / "adapters").iterdir())) == 2


def test_the_cache_does_not_grow_for_ever(
    model: Model, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converted_module, "MAX_KEPT", 3)
    (tmp_path / "cache" / "adapters").mkdir(parents=True)
    left = tmp_path / "cache" / "adapters" / ".killed.gguf.1-1.partial"
    left.touch()
    os.utime(left, (0, 0))
    for alpha in range(1, 8):
        peft_folder(folder / "a", lora_alpha=alpha)
        registry(model, folder, cache=tmp_path / "cache").find("a")
    assert len(list((tmp_path / "cache" / "adapters").iterdir())) == 3


def test_without_a_cache_a_file_without_a_name_does(model: Model, folder: Path, tmp_path: Path) -> None:
    peft_folder(folder / "a")
    (tmp_path / "file").write_text("not a directory")
    for cache in (None, tmp_path / "file"):
        found = registry(model, folder, cache=cache)
        source = found.find("a")
        with open(source.path, "rb") as file:
            assert file.read(4) == b"GGUF"
        assert source.facts.rank == 2


def test_the_same_folder_under_many_names_at_once(model: Model, folder: Path, tmp_path: Path) -> None:
    for index in range(8):
        peft_folder(folder / f"a{index}")
    found = registry(model, folder, cache=tmp_path / "cache")
    with ThreadPoolExecutor(8) as pool:
        sources = list(pool.map(found.find, [f"a{index}" for index in range(8)]))
    assert len({source.path for source in sources}) == 1
    assert [path.suffix for path in (tmp_path / "cache" / "adapters").iterdir()] == [".gguf"]


def test_nobody_waits_for_another_adapter(model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder / "slow.gguf")
    put(folder / "fast.gguf")
    began, go_on = threading.Event(), threading.Event()
    check = registry_module.check_adapter
    checks = []

    def slow_check(path: Path, *rest: object) -> object:
        checks.append(path.name)
        if path.name == "slow.gguf":
            began.set()
            assert go_on.wait(30)
        return check(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(registry_module, "check_adapter", slow_check)
    found = registry(model, folder)
    sources: list[AdapterSource] = []
    threads = [threading.Thread(target=lambda: sources.append(found.find("slow"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert began.wait(30)
    assert found.find("fast").name == "fast"
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert (len(set(sources)), checks.count("slow.gguf")) == (1, 1)


def test_asking_again_is_cheap(model: Model, folder: Path) -> None:
    put(folder / "a.gguf")
    found = registry(model, folder)
    found.find("a")
    before = time.process_time()
    for _ in range(100):
        found.find("a")
    assert time.process_time() - before < 0.5


def test_the_way_to_a_worker(model: Model, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMFILE_CACHE_DIR", str(tmp_path / "cache"))
    own = put(tmp_path / 'ä = "b".gguf')
    wanted = [Wanted(adapter_name(own), str(own), scale=0.25)]
    assert decode(encode(wanted)) == wanted
    assert (encode([]), decode("")) == ("", [])
    config = WorkerConfig(model.path, adapters=encode(wanted), lora_dir=str(folder))
    found = from_config(from_arguments(config.arguments()))
    assert found.find("_____b_").scale_default == 0.25
    assert found.defaults() == [("_____b_", 0.25)]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.gguf", "a"),
        ("a.b.GGUF", "a.b"),
        ("peft", "peft"),
        ("Über x.gguf", "_ber_x"),
        ("x" * 200 + ".gguf", "x" * 64),
    ],
)
def test_names(file: str, name: str) -> None:
    assert adapter_name(Path("/some/where") / file) == name
