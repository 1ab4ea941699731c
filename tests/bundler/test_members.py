"""What a member holds: bytes, a file, ranges and pieces, each hashed once at most and never mixed up."""

import hashlib
import os
import random
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import container, copying, digests, fetch, members
from bundler.container import Late, Part
from bundler.content import Content, Slice
from bundler.digests import Digests
from runtime.errors import BuildFailed, DiskFull
from runtime.payload import Payload
from tests.packing import contents, pack

DATA = random.Random(1).randbytes(3_000_001)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    os.utime(path, (0, 0))
    return path


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of which something was hashed; to the digests' memory every file is ten seconds old."""
    seen: list[Path] = []
    real, now = copying._Feed.__init__, time.time_ns

    def spy(self: copying._Feed, path: Path, *rest: object) -> None:
        seen.append(path)
        real(self, path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(copying._Feed, "__init__", spy)
    monkeypatch.setattr(digests.time, "time_ns", lambda: now() + 10_000_000_000)
    return seen


def put(folder: Path, content: Content) -> tuple[bytes, Digests]:
    done: list[int] = []
    with (folder / "target").open("wb", buffering=0) as file:
        found = members.put(file, content, done.append)
    data = (folder / "target").read_bytes()
    assert not done or (done == sorted(done) and done[-1] == len(data))
    return data, found


def expected(data: bytes) -> Digests:
    return Digests(hashlib.sha256(data).hexdigest(), zlib.crc32(data))


CONTENTS: dict[str, Callable[[Path], tuple[Content, bytes]]] = {
    "bytes": lambda path: (b"abc", b"abc"),
    "nothing": lambda path: (b"", b""),
    "file": lambda path: (path, DATA),
    "range": lambda path: (Slice(path, 1000, 2_000_000), DATA[1000:2_001_000]),
    "no range": lambda path: (Slice(path, 1000, 0), b""),
    "pieces": lambda path: (
        (b"head", Slice(path, 0, 1000), bytes(24), Slice(path, 65536, 2_900_000), b""),
        b"head" + DATA[:1000] + bytes(24) + DATA[65536:2_965_536],
    ),
    "no pieces": lambda path: ((), b""),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_bytes_and_digests(tmp_path: Path, source: Path, hashed: list[Path], kind: str) -> None:
    content, data = CONTENTS[kind](source)
    assert put(tmp_path, content) == (data, expected(data))
    assert (source in hashed) == (kind in ("file", "range", "pieces"))


@pytest.mark.parametrize("kind", CONTENTS)
def test_nothing_is_hashed_twice(tmp_path: Path, source: Path, hashed: list[Path], kind: str) -> None:
    content, data = CONTENTS[kind](source)
    assert members.digests_of(content, lambda _done: None) == expected(data)
    hashed.clear()
    assert put(tmp_path, content) == (data, expected(data))
    assert hashed == []


def test_a_changed_file_is_hashed_again(tmp_path: Path, source: Path, hashed: list[Path]) -> None:
    pieces = (b"head", Slice(source, 0, 1000))
    put(tmp_path, pieces)
    source.write_bytes(b"x" + DATA[1:])
    assert put(tmp_path, pieces)[1] == expected(b"headx" + DATA[1:1000])


def test_what_is_said_of_a_range_is_believed(tmp_path: Path, source: Path, hashed: list[Path]) -> None:
    said = Digests("said", 7)
    assert put(tmp_path, Slice(source, 10, 1000, said)) == (DATA[10:1010], said)
    assert hashed == []


@pytest.mark.parametrize(
    "content", [lambda path: Slice(path, 0, len(DATA) + 1), lambda path: (Slice(path, 1 << 60, 1),)]
)
def test_a_range_that_is_not_there(tmp_path: Path, source: Path, content: Callable[[Path], Content]) -> None:
    with pytest.raises(BuildFailed, match="source"):
        put(tmp_path, content(source))


def test_a_piece_that_changes_meanwhile(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = copying.append

    def append_then_change(path: Path, *rest: object) -> None:
        real(path, *rest)  # type: ignore[arg-type]
        source.write_bytes(DATA)

    monkeypatch.setattr(copying, "append", append_then_change)
    with pytest.raises(BuildFailed, match="changed while it was copied"):
        put(tmp_path, (b"head", Slice(source, 0, 1000)))


def test_a_model_in_pieces_is_packed_as_one(tmp_path: Path, output: Path, source: Path) -> None:
    row = (b"GGUF", Slice(source, 4, 1000), bytes(28), Slice(source, 2_000_000, 1_000_001))
    base = contents(tmp_path)
    parts = [Part(part.path, part.role, row if part.role == "model" else part.content) for part in base.parts]
    container.write(output, replace(base, parts=parts), fetch.quiet)
    payload = Payload.open(output)
    [model] = payload.by_role("model")
    assert payload.read(model) == b"GGUF" + DATA[4:1004] + bytes(28) + DATA[2_000_000:]
    assert payload.verify(fetch.quiet) == []


def test_weights_are_taken_out_of_an_executable_unread(tmp_path: Path, output: Path, hashed: list[Path]) -> None:
    """What a repack does: the same bytes, under the digests that the first file says."""
    first = Payload.open(pack(tmp_path, output, model=DATA))
    [member] = first.by_role("model")
    content = Slice(first.path, member.offset, member.size, Digests(member.sha256, zlib.crc32(DATA)))
    again = output.with_name("again")
    container.write(again, contents(tmp_path, model=content), fetch.quiet)  # type: ignore[arg-type]
    assert again.read_bytes() == output.read_bytes()
    assert first.path not in hashed


def test_roles_stand_in_their_order(tmp_path: Path, output: Path) -> None:
    roles = ["state", "adapter", "mmproj", "sbom", "icon"]
    pack(tmp_path, output, extra=[Part(f"a/{role}", role, role.encode()) for role in roles])
    members_found = Payload.open(output).manifest.members
    order = list(dict.fromkeys(member.role for member in members_found))
    assert order == ["license", "sbom", "icon", "app", "model", "mmproj", "adapter", "state", "runtime"]
    aligned = {member.role for member in members_found if member.offset % 65536 == 0}
    assert aligned == {"model", "mmproj", "adapter", "state"}


def test_room_is_asked_for_what_is_not_shared(
    tmp_path: Path, output: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = container.room.shutil.disk_usage(tmp_path)._replace(free=2_000_000)
    monkeypatch.setattr(container.room.shutil, "disk_usage", lambda _path: usage)
    monkeypatch.setattr(copying, "shares_blocks", lambda _folder: False)
    with pytest.raises(DiskFull, match="MB are needed"):
        pack(tmp_path, output, model=source)
    monkeypatch.setattr(copying, "shares_blocks", lambda _folder: True)
    assert Payload.open(pack(tmp_path, output, model=source)).verify(fetch.quiet) == []


@pytest.mark.parametrize("sidecar", [False, True])
def test_a_late_member_knows_the_digests_of_all_others(tmp_path: Path, output: Path, sidecar: bool) -> None:
    """It stands in front of most of them all the same."""
    told: list[dict[str, str]] = []

    def make(hashes: Mapping[str, str]) -> bytes:
        told.append(dict(hashes))
        return b"0123456789"

    base = contents(tmp_path, extra=[Part("bill", "sbom", Late(10, make))])
    container.write(output, replace(base, sidecar=sidecar), fetch.quiet)
    payload = Payload.open(output)
    others = [member for member in payload.manifest.members if member.path != "bill"]
    assert told == [{member.path: member.sha256 for member in others}]
    [bill] = payload.by_role("sbom")
    assert bill.offset < min(member.offset for member in payload.by_role("app"))
    assert payload.read(bill) == b"0123456789"
    assert payload.verify(fetch.quiet) == []


def test_a_late_member_of_another_size_than_it_said(tmp_path: Path, output: Path) -> None:
    with pytest.raises(BuildFailed, match="11 bytes"):
        pack(tmp_path, output, extra=[Part("bill", "sbom", Late(10, lambda _hashes: b"0123456789a"))])
    assert list(output.parent.iterdir()) == []
