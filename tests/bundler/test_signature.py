"""The place of a signature: behind the manifest, put in and taken out again, with nothing else changed."""

import hashlib
import random
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import container, fetch, tail
from bundler.console import Console
from bundler.extract import extract
from runtime.errors import PayloadDamaged, UsageError
from runtime.payload import FOOTER_BYTES, Footer, Payload
from runtime.payload.records import END_MAGIC
from tests.packing import contents, pack

SIGNATURE = b"untrusted comment: one\nRUQ\ntrusted comment: two\nabc\n"


@pytest.fixture
def executable(tmp_path: Path, output: Path) -> Path:
    return pack(tmp_path, output)


def problem(path: Path) -> str:
    try:
        payload = Payload.open(path)
        _ = payload.signature
        return "; ".join(map(str, payload.verify(fetch.quiet)))
    except PayloadDamaged as error:
        return str(error)


def test_signed_again_and_unsigned(executable: Path) -> None:
    before, manifest = executable.read_bytes(), Payload.open(executable).manifest_bytes
    assert Payload.open(executable).signature is None
    for signature in (SIGNATURE, b"another, which is longer" * 100, SIGNATURE):
        container.signed(executable, signature)
        payload = Payload.open(executable)
        assert (payload.signature, payload.manifest_bytes) == (signature, manifest)
        assert payload.verify(fetch.quiet) == []
        assert executable.stat().st_mode & 0o777 == 0o755
        offset = payload.footer.manifest_offset
        assert executable.read_bytes()[:offset] == before[:offset]
    container.signed(executable, b"")
    assert executable.read_bytes() == before
    assert [path.name for path in executable.parent.iterdir()] == [executable.name]


def test_the_manifest_covers_all_else(executable: Path) -> None:
    """What is signed names the digests of everything in front of it."""
    container.signed(executable, SIGNATURE)
    payload = Payload.open(executable)
    assert executable.read_bytes().count(payload.manifest_bytes) == 1
    assert all(member.sha256.encode() in payload.manifest_bytes for member in payload.manifest.members)


def test_zip_tools_read_it(executable: Path) -> None:
    container.signed(executable, SIGNATURE)
    subprocess.run(["unzip", "-tq", executable], check=True, capture_output=True, timeout=60)
    with zipfile.ZipFile(executable) as archive:
        assert archive.namelist()[-2:] == ["manifest.json", "signature.minisig"]
        assert archive.testzip() is None
        assert archive.read("signature.minisig") == SIGNATURE


def test_both_can_be_extracted(executable: Path, tmp_path: Path) -> None:
    container.signed(executable, SIGNATURE)
    extract(executable, ["manifest.json", "signature.minisig"], tmp_path / "a", False, Console(quiet=True))
    assert (tmp_path / "a" / "manifest.json").read_bytes() == Payload.open(executable).manifest_bytes
    assert (tmp_path / "a" / "signature.minisig").read_bytes() == SIGNATURE
    extract(executable, [], tmp_path / "all", False, Console(quiet=True))
    with zipfile.ZipFile(executable) as archive:
        found = {path.relative_to(tmp_path / "all").as_posix() for path in (tmp_path / "all").rglob("*.*")}
        assert {name for name in archive.namelist() if "." in name} == found


def test_a_pair_is_signed_by_its_executable(tmp_path: Path, output: Path) -> None:
    written = container.write(output, replace(contents(tmp_path), sidecar=True), fetch.quiet)
    assert written.sidecar is not None
    before = written.sidecar.read_bytes()
    container.signed(output, SIGNATURE)
    assert written.sidecar.read_bytes() == before
    assert Payload.open(output).verify(fetch.quiet) == []


def test_too_long(executable: Path) -> None:
    before = executable.read_bytes()
    with pytest.raises(UsageError):
        container.signed(executable, b"x" * 20_000)
    assert executable.read_bytes() == before


def test_a_flipped_bit_is_seen(executable: Path) -> None:
    container.signed(executable, SIGNATURE)
    whole = executable.read_bytes()
    chance = random.Random(1)
    for place in range(Payload.open(executable).footer.manifest_offset, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 1 << chance.randrange(8)
        executable.write_bytes(data)
        assert problem(executable), f"the flip at {place} was not seen"


CHANGES: dict[str, Callable[[bytes, int], bytes]] = {
    "name": lambda tail, at: tail[:at] + tail[at:].replace(b"signature.minisig", b"signature.minisih"),
    "size": lambda tail, at: tail[: at + 18] + b"\xff" + tail[at + 19 :],
    "large": lambda tail, at: tail[: at + 18] + b"\xff\xff\xff\x7f\xff\xff\xff\x7f" + tail[at + 26 :],
    "cut": lambda tail, at: tail[: at + 8],
    "two": lambda tail, at: tail[: at + 47 + len(SIGNATURE)] + tail[at:],
    "date": lambda tail, at: tail[: at + 10] + b"\1" + tail[at + 11 :],
    "unlisted": lambda tail, at: tail[:at] + tail[at + 47 + len(SIGNATURE) :],
    "compressed": lambda tail, at: tail[: at + 8] + b"\x08" + tail[at + 9 :],
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_cannot_be_one_is_refused_under_a_true_hash(executable: Path, change: str) -> None:
    """Somebody who makes files that lie has no trouble with hashes."""
    container.signed(executable, SIGNATURE)
    payload = Payload.open(executable)
    whole, footer = executable.read_bytes(), payload.footer
    end = CHANGES[change](payload.tail, footer.manifest_size)
    footer = footer._replace(tail_sha256=hashlib.sha256(end).digest())
    executable.write_bytes(whole[: footer.manifest_offset] + end + footer.pack())
    assert problem(executable)


def test_the_end_record_s_magic_never_stands_in_the_footer(executable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is signed and cannot change; the date of the signature does."""
    real, tries = Footer.pack, []

    def pack_footer(footer: Footer) -> bytes:
        tries.append(footer.tail_sha256)
        return real(footer._replace(tail_sha256=END_MAGIC + footer.tail_sha256[4:]) if len(tries) < 4 else footer)

    monkeypatch.setattr(tail.Footer, "pack", pack_footer)
    manifest = Payload.open(executable).manifest_bytes
    container.signed(executable, SIGNATURE)
    assert len(set(tries)) == 4
    assert END_MAGIC not in executable.read_bytes()[-FOOTER_BYTES:]
    payload = Payload.open(executable)
    assert (payload.manifest_bytes, payload.signature) == (manifest, SIGNATURE)
    assert payload.verify(fetch.quiet) == []
