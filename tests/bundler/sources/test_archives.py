"""Weights are taken out of llamafiles and lmfiles where they lie, and nothing false is believed."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import container, fetch
from bundler.container import Part
from bundler.content import Slice
from bundler.sources import Source, local, zips
from runtime import gguf
from runtime.errors import LmfileError, ModelInvalid, ModelNotFound, ModelUnsupported, PayloadDamaged
from runtime.payload import Model, Payload
from tests import packing
from tests.gguf_writer import STRING, TINY
from tests.gguf_writer import gguf as written
from tests.questions import TINY_MODEL
from tests.zipaligned import ALIGNMENT, llamafile

MODEL = TINY_MODEL.read_bytes()
OTHER = written()
EYES = written({**TINY, "general.architecture": (STRING, "clip"), "general.type": (STRING, "mmproj")})


def opened(path: Path | str) -> Source:
    return local.open(Path(path), fetch.quiet)


def data(source: Source) -> bytes:
    assert isinstance(source.content, Slice)
    with source.content.path.open("rb") as file:
        file.seek(source.content.offset)
        return file.read(source.content.size)


def test_the_model_of_a_llamafile_is_a_slice_of_it(tmp_path: Path) -> None:
    path = llamafile(tmp_path / "tiny.llamafile", {".args": b"-m\ntiny.gguf\n...\n", "tiny.gguf": MODEL, "x.txt": b"x"})
    source = opened(path)
    assert data(source) == MODEL
    assert isinstance(source.content, Slice)
    assert (source.content.path, source.content.offset % ALIGNMENT) == (path, 0)
    assert (source.name, source.license) == ("tiny", None)
    assert gguf.facts(source.file) == gguf.facts(gguf.read(TINY_MODEL))
    assert source.provenance.plain() == {
        "source": "tiny.llamafile",
        "steps": [{"step": "take", "member": "tiny.gguf"}],
    }
    assert zips.arguments(path) == b"-m\ntiny.gguf\n...\n"


def test_a_zip_of_any_other_tool(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("folder/m.gguf", MODEL)
    assert data(opened(tmp_path / "m.zip")) == MODEL
    assert zips.arguments(tmp_path / "m.zip") is None


def test_a_model_beyond_4_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "large.llamafile"
    with path.open("wb") as file:
        file.truncate(5_000_000_000)
        file.seek(0, 2)
        with zipfile.ZipFile(file, "a") as archive, archive.open("m.gguf", "w", force_zip64=True) as member:
            member.write(MODEL)
    with path.open("r+b") as file:
        file.write(b"MZ")
    source = opened(path)
    assert isinstance(source.content, Slice)
    assert source.content.offset > 5_000_000_000
    assert data(source) == MODEL


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (b"-m\n/zip/b.gguf\n", "b"),
        (b"--mmproj\neyes.gguf\n--model\na.gguf\n...", "a"),
        (b"-m\na.gguf\n-m\nb.gguf\n", "b"),
    ],
)
def test_args_say_which_of_several_is_meant(tmp_path: Path, arguments: bytes, name: str) -> None:
    members = {".args": arguments, "eyes.gguf": EYES, "a.gguf": MODEL, "b.gguf": OTHER}
    path = llamafile(tmp_path / "vision.llamafile", members)
    assert opened(path).name == name
    assert data(opened(path)) == members[f"{name}.gguf"]
    assert data(opened(f"{path}#eyes.gguf")) == EYES
    assert data(opened(f"{path}#a")) == MODEL


def test_eyes_are_not_the_model(tmp_path: Path) -> None:
    path = llamafile(tmp_path / "vision.llamafile", {"eyes.gguf": EYES, "m.gguf": MODEL})
    assert data(opened(path)) == MODEL


def test_several_models_and_no_word_which(tmp_path: Path) -> None:
    path = llamafile(tmp_path / "two.llamafile", {"a.gguf": MODEL, "b.gguf": OTHER})
    with pytest.raises(
        ModelNotFound, match=r"holds `a.gguf`, `b.gguf`, of which one has to be named as `two.llamafile#N"
    ):
        opened(path)
    with pytest.raises(ModelNotFound, match=r"`two.llamafile` holds `a.gguf`, `b.gguf` and nothing of that name alone"):
        opened(f"{path}#c")
    with pytest.raises(ModelNotFound, match=r"without a .gguf file"):
        opened(llamafile(tmp_path / "none.llamafile", {"x": b"x"}))


def test_a_path_with_a_hash_in_it(tmp_path: Path) -> None:
    path = tmp_path / "c#" / "m#1.gguf"
    path.parent.mkdir()
    path.write_bytes(MODEL)
    assert opened(path).content == path
    archive = llamafile(path.parent / "m#1.llamafile", {"m#2.gguf": MODEL})
    assert data(opened(f"{archive}#m#2.gguf")) == MODEL


def test_what_cannot_be_read_in_place(tmp_path: Path) -> None:
    path = llamafile(tmp_path / "small.llamafile", {"m.gguf": MODEL}, compress=zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelUnsupported, match=r"its member `m.gguf` is compressed; take it out"):
        opened(path)
    path = llamafile(tmp_path / "locked.llamafile", {"m.gguf": MODEL})
    changed = bytearray(path.read_bytes())
    changed[changed.rindex(b"PK\1\2") + 8] |= 1
    path.write_bytes(changed)
    with pytest.raises(ModelUnsupported, match="is encrypted"):
        opened(path)


def test_a_member_that_is_no_gguf(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="not a GGUF"):
        opened(llamafile(tmp_path / "m.llamafile", {"m.gguf": b"hello" * 1000}))


def test_torch_files_are_pickles(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "weights.zip", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
        archive.writestr("archive/m.gguf", MODEL)
    with pytest.raises(ModelUnsupported, match="a Python pickle"):
        opened(tmp_path / "weights.zip")


def false_zips() -> dict[str, bytes]:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("m.gguf", MODEL)
    whole = memory.getvalue()
    central, end = whole.rindex(b"PK\1\2"), whole.rindex(b"PK\5\6")

    def put(at: int, number: int, width: int = 4) -> bytes:
        return whole[:at] + number.to_bytes(width, "little") + whole[at + width :]

    return {
        "cut in the middle": whole[: len(whole) // 2],
        "cut in the directory": whole[: central + 10],
        "no directory": whole[:central],
        "endless directory": put(end + 12, 0xFFFF_FFFE),
        "directory elsewhere": put(end + 16, 0x7FFF_FFFF),
        "member elsewhere": put(central + 42, 77),
        "member beyond the file": put(central + 42, 0x7FFF_FFFF),
        "endless member": put(central + 24, 0x7FFF_FFFF)[: central + 20]
        + (0x7FFF_FFFF).to_bytes(4, "little")
        + put(central + 24, 0x7FFF_FFFF)[central + 24 :],
        "bytes alone": b"PK\3\4" + bytes(1000),
        "program alone": b"MZ" + bytes(100_000),
        "script": b"#!/bin/sh\necho hello\n",
    }


@pytest.mark.parametrize("name", false_zips())
def test_a_false_archive_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.llamafile"
    path.write_bytes(false_zips()[name])
    with pytest.raises(ModelUnsupported, match="neither a GGUF nor a sound archive") as raised:
        opened(path)
    assert "\n" not in str(raised.value)


def test_the_models_of_an_lmfile_bring_what_is_known_of_them(tmp_path: Path) -> None:
    told = {"source": "hf:me/m", "revision": "abc", "files": {"m.gguf": "0" * 64}, "steps": [{"step": "quantize"}]}
    contents = packing.contents(tmp_path, MODEL, extra=[Part("models/b.gguf", "model", OTHER)])
    main = contents.models[0]._replace(provenance=told)
    second = Model("embed", "models/b.gguf", "llama", "B", 64, 64, "F32", "mit")
    path = tmp_path / "both"
    container.write(path, replace(contents, models=[main, second]), fetch.quiet)
    source = opened(path)
    assert data(source) == MODEL
    assert source.provenance.plain() == told
    assert source.license == "mit"
    assert source.name == "tiny model"
    assert isinstance(source.content, Slice)
    member = Payload.open(path).by_role("model")[0]
    assert source.content.digests is not None
    with zipfile.ZipFile(path) as archive:
        for named, content in (("", MODEL), ("#models/b.gguf", OTHER), ("#b", OTHER), ("#embed", OTHER)):
            found = opened(f"{path}{named}")
            assert data(found) == content
            assert isinstance(found.content, Slice)
            assert found.content.digests is not None
            info = next(each for each in archive.infolist() if archive.read(each) == content)
            assert found.content.digests.crc32 == info.CRC
    assert source.content.digests.sha256 == member.sha256
    assert opened(f"{path}#b").provenance.plain() == {
        "source": "both",
        "steps": [{"step": "take", "member": "models/b.gguf"}],
    }


def test_a_damaged_lmfile_says_so(tmp_path: Path) -> None:
    path = packing.pack(tmp_path, tmp_path / "tiny")
    whole = path.read_bytes()
    for damaged in (whole[:-200] + b"x" + whole[-199:], whole + b"appended"):
        path.write_bytes(damaged)
        with pytest.raises(PayloadDamaged):
            opened(path)
    path.write_bytes(whole[:-5000])
    with pytest.raises(LmfileError):
        opened(path)
