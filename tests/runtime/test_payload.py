"""The format's read side: what is whole opens, and no changed byte goes unseen."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import PayloadDamaged
from runtime.payload import FOOTER_BYTES, Footer, Payload
from runtime.payload.decoding import decode
from runtime.payload.manifest import is_safe
from tests.packing import APP, pack


def quiet(_what: str, _done: int, _total: int) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("in"), tmp_path_factory.mktemp("out") / "tiny")


@pytest.fixture(scope="module")
def whole(executable: Path) -> bytes:
    return executable.read_bytes()


def problem(path: Path) -> str:
    """What `open` or `verify` says of the file; empty if nothing."""
    try:
        return "; ".join(map(str, Payload.open(path).verify(quiet)))
    except PayloadDamaged as error:
        return str(error)


def test_members_are_found_and_read_by_name_and_role(executable: Path) -> None:
    payload = Payload.open(executable)
    assert [member.path for member in payload.by_role("app")] == sorted(APP)
    page = payload.member("app/webui/index.html")
    assert page is not None
    assert payload.read(page) == b"<!doctype html>"
    assert payload.member("manifest.json") is None
    assert payload.verify(quiet) == []


def test_data_lies_where_the_manifest_says(executable: Path, whole: bytes) -> None:
    manifest = Payload.open(executable).manifest
    model = next(member for member in manifest.members if member.role == "model")
    assert model.offset % 65536 == 0
    assert whole[model.offset : model.offset + 4] == b"GGUF"
    assert whole[manifest.app.offset :][:4] == b"PK\3\4"


def test_the_footer_is_128_bytes_and_reads_back(whole: bytes) -> None:
    footer = Footer.unpack(whole[-FOOTER_BYTES:])
    assert footer.pack() == whole[-FOOTER_BYTES:]
    assert whole[footer.runtime_offset :][: footer.runtime_size] == bytes(reversed(range(250))) * 200


def test_every_flipped_bit_of_the_footer_is_seen(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    for bit in range(8 * FOOTER_BYTES):
        data = bytearray(whole)
        data[len(whole) - FOOTER_BYTES + bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        with pytest.raises(PayloadDamaged):
            Payload.open(path)


def test_a_flipped_bit_anywhere_is_seen(whole: bytes, tmp_path: Path) -> None:
    """1,000 random places, and every byte around the seams: headers, padding, manifest, directory."""
    path = tmp_path / "damaged"
    path.write_bytes(whole)
    chance = random.Random(1)
    places = {chance.randrange(len(whole)) for _ in range(1000)}
    for member in Payload.open(path).manifest.members:
        places.update(range(member.offset - 80, member.offset + 4))
        places.update(range(member.offset + member.size - 2, member.offset + member.size + 2))
    with path.open("r+b", buffering=0) as file:
        for place in places:
            file.seek(place)
            file.write(bytes([whole[place] ^ 1 << chance.randrange(8)]))
            assert problem(path), f"the flip at {place} was not seen"
            file.seek(place)
            file.write(whole[place : place + 1])
    assert not problem(path)


def test_every_truncation_is_seen(whole: bytes, tmp_path: Path) -> None:
    """All cuts within the last 4,000 bytes, and 200 random ones."""
    chance = random.Random(2)
    cuts = [*range(len(whole) - 4000, len(whole)), *(chance.randrange(len(whole)) for _ in range(200)), 0, 1, 127, 128]
    path = tmp_path / "damaged"
    path.write_bytes(whole)
    for cut in sorted(cuts, reverse=True):
        with path.open("r+b") as file:
            file.truncate(cut)
        with pytest.raises(PayloadDamaged):
            Payload.open(path)


@pytest.mark.parametrize("added", [b"\0", b"\n", b"x" * 128, bytes(4096)])
def test_added_bytes_are_seen_at_either_end(whole: bytes, tmp_path: Path, added: bytes) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(whole + added)
    with pytest.raises(PayloadDamaged):
        Payload.open(path)
    path.write_bytes(added + whole)
    assert problem(path)
    path.write_bytes(whole[:75_000] + added + whole[75_000:])
    assert problem(path)


def test_a_second_footer_behind_the_first_is_seen(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(whole + whole[-FOOTER_BYTES:])
    with pytest.raises(PayloadDamaged):
        Payload.open(path)


CHANGES: dict[str, Callable[[dict[str, object]], object]] = {
    "format": lambda table: table.update(format=2),
    "missing": lambda table: table.pop("name"),
    "type": lambda table: table.update(created="0"),
    "not a list": lambda table: table.update(members={}),
    "negative": lambda table: table["members"][0].update(offset=-1),
    "beyond": lambda table: table["members"][-1].update(size=1 << 40),
    "overlap": lambda table: table["members"][1].update(offset=table["members"][0]["offset"]),
    "twice": lambda table: table["members"][1].update(path=table["members"][0]["path"]),
    "parent": lambda table: table["members"][0].update(path="../../etc/passwd"),
    "absolute": lambda table: table["members"][0].update(path="/etc/passwd"),
    "digest": lambda table: table["members"][0].update(sha256="0" * 63),
    "app span": lambda table: table["app"].update(offset=0, size=10),
    "model": lambda table: table["models"][0].update(path="models/other.gguf"),
    "huge": lambda table: table["models"][0].update(parameters=10**400),
    "time": lambda table: table.update(created=-1),
    "manifest": lambda table: table["members"][0].update(path="manifest.json"),
    "bool": lambda table: table["members"][0].update(size=True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_manifest_that_cannot_be_true_is_refused(executable: Path, change: str) -> None:
    payload = Payload.open(executable)
    table = json.loads(payload.manifest.encode())
    CHANGES[change](table)
    with pytest.raises(ValueError, match="manifest"):
        decode(json.dumps(table).encode(), payload.footer.manifest_offset)


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"format": 1}', b"NaN", b"1" * 10_000])
def test_a_manifest_that_is_not_one_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="manifest"):
        decode(text, 1000)


def test_a_manifest_reads_back_as_it_was_written(executable: Path) -> None:
    payload = Payload.open(executable)
    assert decode(payload.manifest.encode(), payload.footer.manifest_offset) == payload.manifest


@pytest.mark.parametrize(
    "path", ["", ".", "..", "/a", "a//b", "a/", "../a", "a/../b", "a\\b", "c:a", "a\nb", "a\0b", "a" * 1001, "\udc80"]
)
def test_unsafe_names(path: str) -> None:
    assert not is_safe(path)


def test_opening_loads_no_more_than_the_format_needs() -> None:
    """A start pays for every import: these cost 20 ms together."""
    code = "import sys, runtime.payload; print(*{'dataclasses', 'zipfile', 'inspect', 'logging'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip() == ""
