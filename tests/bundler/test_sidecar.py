"""The sidecar: weights beside an executable, found by name and by what they are, whole or refused; a pair stays one."""

import json
import os
import random
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import container, copying, fetch, launcher, pair, places
from bundler.container import Contents, Part, Written
from bundler.content import Slice
from bundler.digests import Digests
from bundler.taken import Members
from runtime.errors import BuildFailed, PayloadDamaged, SidecarMissing, UsageError
from runtime.payload import Adapter, Payload, sidecar
from runtime.payload.decoding import decode
from runtime.payload.sidecar import BLOCK_BYTES, HEADER_BYTES, Header
from tests.gguf_writer import synthetic_gguf
from tests.packing import contents

GIB = 1 << 30
WINDOWS = "windows-x86_64"
LARGE = Digests("ab" * 32, 0)  # said, not true: nothing here reads 5 GiB


def split(folder: Path, output: Path, model: bytes = b"GGUF" + b"weights" * 9_000, **changes: object) -> Written:
    """Write a small executable and its sidecar, which holds a model and an adapter."""
    adapter = Part("adapters/ada.gguf", "adapter", b"GGUF of an adapter")
    known = Adapter("ada", adapter.path, "llama", 4, 100, 0.5)
    wanted = contents(folder, model, extra=[adapter], adapters=[known])
    return container.write(output, replace(wanted, sidecar=True, **changes), fetch.quiet)  # type: ignore[arg-type]


@pytest.fixture
def weights(tmp_path: Path, output: Path) -> Path:
    """The sidecar of `output`, both written."""
    written = split(tmp_path, output)
    assert written.sidecar is not None
    return written.sidecar


def problem(path: Path) -> str:
    """What a start or `verify` says of the file; empty if nothing."""
    try:
        payload = Payload.open(path)
        for member in payload.manifest.members:
            payload.file_of(member)
        return "; ".join(map(str, payload.verify(fetch.quiet)))
    except (PayloadDamaged, SidecarMissing) as error:
        return str(error)


def test_weights_lie_beside_and_the_rest_is_a_zip(output: Path, weights: Path) -> None:
    assert sorted(path.name for path in output.parent.iterdir()) == ["tiny", "tiny.weights"]
    assert (output.stat().st_mode & 0o777, weights.stat().st_mode & 0o777) == (0o755, 0o644)
    payload = Payload.open(output)
    aside = [member for member in payload.manifest.members if member.aside]
    assert [member.path for member in aside] == ["models/tiny model.gguf", "adapters/ada.gguf"]
    for member in aside:
        assert member.offset % BLOCK_BYTES == 0
        assert payload.file_of(member) == weights
        assert payload.read(member)[:4] == b"GGUF"
        assert zlib.crc32(payload.read(member)) == member.crc32
    subprocess.run(["unzip", "-tq", output], check=True, capture_output=True, timeout=60)
    with zipfile.ZipFile(output) as archive:
        assert archive.testzip() is None
        assert not [name for name in archive.namelist() if name.endswith(".gguf")]
    assert payload.verify(fetch.quiet) == []


def test_the_file_is_what_the_format_says(output: Path, weights: Path) -> None:
    data, said = weights.read_bytes(), Payload.open(output).manifest.sidecar
    assert said is not None
    assert data[:16] == b"lmfile weights 1"
    assert Header.unpack(data[:HEADER_BYTES]) == Header(len(data), said.identity) == Header(said.size, said.identity)
    assert data[HEADER_BYTES:BLOCK_BYTES] == bytes(BLOCK_BYTES - HEADER_BYTES)
    assert data[BLOCK_BYTES : BLOCK_BYTES + 4] == b"GGUF"
    assert data.endswith(b"GGUF of an adapter")


def test_two_builds_are_identical(tmp_path: Path, output: Path, weights: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    split(tmp_path, tmp_path / "elsewhere" / "tiny")
    assert (tmp_path / "elsewhere" / "tiny").read_bytes() == output.read_bytes()
    assert (tmp_path / "elsewhere" / "tiny.weights").read_bytes() == weights.read_bytes()


@pytest.mark.parametrize(
    ("name", "expected"), [("a.exe", "a.weights"), ("A.EXE", "A.weights"), ("a-1.5b", "a-1.5b.weights")]
)
def test_names(name: str, expected: str) -> None:
    assert sidecar.name_for(Path(name)) == expected


def test_weights_go_inside_again_unread(
    tmp_path: Path, output: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = Payload.open(output)
    taken = Members(payload)
    base = contents(tmp_path)
    model = next(member for member in payload.manifest.members if member.role == "model")
    parts = [Part(p.path, p.role, taken.taken(model) if p.role == "model" else p.content) for p in base.parts]
    monkeypatch.setattr(copying.Running, "updates", lambda _self: pytest.fail("something large was hashed"))
    parts = [part if part.path != "runtime.tar.zst" else Part(part.path, part.role, b"zstd") for part in parts]
    container.write(output.with_name("one"), replace(base, parts=parts), fetch.quiet)
    with zipfile.ZipFile(output.with_name("one")) as archive:
        assert archive.testzip() is None
    assert problem(output.with_name("one")) == ""


def test_a_renamed_sidecar_is_found_among_others(tmp_path: Path, output: Path, weights: Path) -> None:
    (tmp_path / "other").mkdir()
    split(tmp_path, tmp_path / "other" / "tiny", model=b"GGUF of another")
    (tmp_path / "other" / "tiny.weights").rename(output.with_name("a.weights"))
    output.with_name("b.weights").write_bytes(b"of another program")
    output.with_name("c.weights").mkdir()
    renamed = weights.rename(output.with_name("d.weights"))
    payload = Payload.open(output)
    assert payload.file_of(payload.by_role("model")[0]) == renamed
    assert problem(output) == ""
    assert problem(output.rename(output.with_name("renamed too.exe"))) == ""


def test_a_link_leads_to_both(tmp_path: Path, output: Path, weights: Path) -> None:
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "link"
    link.symlink_to(output)
    assert problem(link) == ""
    weights.rename(tmp_path / "bin" / "link.weights")
    assert problem(link) == ""


def test_missing(output: Path, weights: Path) -> None:
    weights.unlink()
    payload = Payload.open(output)
    with pytest.raises(SidecarMissing) as caught:
        payload.file_of(payload.by_role("model")[0])
    assert caught.value.exit_code == 20
    assert str(output.parent) in str(caught.value)
    assert "`tiny.weights`" in str(caught.value)
    [finding] = payload.verify(fetch.quiet)
    assert finding.part == "tiny.weights"


@pytest.mark.parametrize("size", [0, 20, HEADER_BYTES, BLOCK_BYTES, -1])
def test_cut(output: Path, weights: Path, size: int) -> None:
    os.truncate(weights, size if size >= 0 else weights.stat().st_size - 1)
    payload = Payload.open(output)
    with pytest.raises(PayloadDamaged, match=r"tiny\.weights"):
        payload.file_of(payload.by_role("model")[0])
    assert payload.verify(fetch.quiet) != []


def test_longer(output: Path, weights: Path) -> None:
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert "tiny.weights" in problem(output)


def test_another_build_s_weights(tmp_path: Path, output: Path, weights: Path) -> None:
    split(tmp_path, tmp_path / "out" / "next", model=b"GGUF of another")
    (tmp_path / "out" / "next.weights").replace(weights)
    assert "other weights" in problem(output)


def test_a_flipped_bit_anywhere_is_seen(output: Path, weights: Path) -> None:
    """Every byte of the header, 200 random places, and the seams."""
    whole = weights.read_bytes()
    chance = random.Random(1)
    at = {*range(HEADER_BYTES + 2), *(chance.randrange(len(whole)) for _ in range(200)), len(whole) - 1}
    for member in Payload.open(output).manifest.members:
        if member.aside:
            at.update((member.offset - 1, member.offset, member.offset + member.size - 1))
    with weights.open("r+b", buffering=0) as file:
        for place in at:
            file.seek(place)
            file.write(bytes([whole[place] ^ 1 << chance.randrange(8)]))
            assert problem(output), f"the flip at {place} was not seen"
            file.seek(place)
            file.write(whole[place : place + 1])
    assert problem(output) == ""


CHANGES: dict[str, Callable[[dict[str, list[dict[str, object]]], dict[str, object]], object]] = {
    "no sidecar": lambda members, table: table.pop("sidecar"),
    "size": lambda members, table: table["sidecar"].update(size=1 << 60),  # type: ignore[attr-defined]
    "identity": lambda members, table: table["sidecar"].update(identity="0" * 64),  # type: ignore[attr-defined]
    "name": lambda members, table: table["sidecar"].update(name="../x.weights"),  # type: ignore[attr-defined]
    "far": lambda members, table: members["model"][0].update(offset=1 << 40),
    "crooked": lambda members, table: members["model"][0].update(offset=BLOCK_BYTES + 1),
    "code": lambda members, table: members["app"][0].update(aside=True),
    "runtime": lambda members, table: members["runtime"][0].update(aside=True),
    "crc32": lambda members, table: members["model"][0].update(crc32=1 << 32),
    "text": lambda members, table: members["model"][0].update(aside="yes"),
    "emptied": lambda members, table: table.update(members=[row for row in table["members"] if "aside" not in row]),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_manifest_that_cannot_be_true_is_refused(output: Path, weights: Path, change: str) -> None:
    payload = Payload.open(output)
    table = json.loads(payload.manifest_bytes)
    rows: dict[str, list[dict[str, object]]] = {}
    for row in table["members"]:
        rows.setdefault(row["role"], []).append(row)
    CHANGES[change](rows, table)
    with pytest.raises(ValueError, match="manifest"):
        decode(json.dumps(table).encode(), payload.footer.manifest_offset)


# Pairs: both files or neither, and an older pair until then


def test_a_failure_leaves_neither(tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "_app_span", lambda *_: (tmp_path / "missing").stat())
    with pytest.raises(container.CannotWrite):
        split(tmp_path, output)
    assert list(output.parent.iterdir()) == []


def refuse_rename(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let the renaming number `step` fail."""
    real, calls = Path.replace, []

    def fails(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == step:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, target)

    monkeypatch.setattr(Path, "replace", fails)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_failure_while_names_are_given_leaves_the_older_pair(
    tmp_path: Path, output: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    before = (output.read_bytes(), weights.read_bytes())
    refuse_rename(monkeypatch, step)
    with pytest.raises(container.CannotWrite):
        split(tmp_path, output, model=b"GGUF of another")
    assert (output.read_bytes(), weights.read_bytes()) == before
    assert len(list(output.parent.iterdir())) == 2


@pytest.mark.parametrize("step", [1, 2])
def test_a_failure_while_first_names_are_given_leaves_neither(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    refuse_rename(monkeypatch, step)
    with pytest.raises(container.CannotWrite):
        split(tmp_path, output)
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("step", [1, 2])
def test_a_failure_over_the_same_weights_leaves_the_older_pair(
    tmp_path: Path, output: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    before = output.read_bytes()
    refuse_rename(monkeypatch, step)
    with pytest.raises(container.CannotWrite):
        split(tmp_path, output, publisher_version="2")
    monkeypatch.undo()
    assert output.read_bytes() == before
    assert problem(output) == ""


DIES = """
import os, sys
from pathlib import Path
from tests.bundler.test_sidecar import split
folder, output, step = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
real = Path.replace
def dies(path, target):
    global step
    step -= 1
    if not step:
        os._exit(9)
    return real(path, target)
Path.replace = dies
split(folder, output, model=b"GGUF of another")
"""


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_kill_while_names_are_given_leaves_an_executable_with_its_weights(
    tmp_path: Path, output: Path, weights: Path, step: int
) -> None:
    command = [sys.executable, "-c", DIES, tmp_path, output, str(step)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 9
    assert problem(output) == ""
    split(tmp_path, output, model=b"GGUF of another")
    assert problem(output) == ""
    assert sorted(path.name for path in output.parent.iterdir()) == ["tiny", "tiny.weights"]


def test_a_new_pair_in_the_place_of_an_older_one(tmp_path: Path, output: Path, weights: Path) -> None:
    assert split(tmp_path, output, model=b"GGUF of another").note.count("`") == 4
    assert problem(output) == ""
    assert len(list(output.parent.iterdir())) == 2


def test_weights_that_another_executable_uses_stay(tmp_path: Path, output: Path, weights: Path) -> None:
    """An executable for Windows has the same sidecar's name as one without an ending."""
    written = split(tmp_path, output.with_name("tiny.exe"), model=b"GGUF of another", target=WINDOWS)
    assert "before is `tiny." in written.note
    assert problem(output) == problem(output.with_name("tiny.exe")) == ""


def test_a_file_of_another_program_is_not_replaced(tmp_path: Path, output: Path) -> None:
    output.with_name("tiny.weights").write_bytes(b"of another program")
    with pytest.raises(UsageError, match=r"tiny\.weights"):
        split(tmp_path, output)
    assert [path.name for path in output.parent.iterdir()] == ["tiny.weights"]
    assert output.with_name("tiny.weights").read_bytes() == b"of another program"


def test_what_a_killed_build_left_is_swept(tmp_path: Path, output: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait(timeout=60)
    for name in (
        f".tiny.{gone.pid}.partial",
        f".tiny.weights.{gone.pid}.partial",
        ".tiny.1.partial",
        ".tiny.x.partial",
    ):
        output.with_name(name).write_bytes(b"half")
    split(tmp_path, output)
    assert {path.name for path in output.parent.iterdir()} == {
        "tiny", "tiny.weights", ".tiny.1.partial", ".tiny.x.partial",
    }  # fmt: skip


# Windows, which starts no file of 4 GiB


def planned(folder: Path, target: str, size: int, sidecar: bool | None = None) -> places.Plan:
    wanted = contents(folder)
    parts = [Part(part.path, part.role, b"") for part in wanted.parts if part.role != "model"]
    model = Part("models/m.gguf", "model", Slice(folder / "none", 0, size))
    return places.plan(replace(wanted, target=target, parts=[*parts, model], sidecar=sidecar), 100)


def test_the_size_from_which_windows_needs_a_sidecar(tmp_path: Path) -> None:
    fits = 4 * GIB - (64 << 20) - places.SPARE_BYTES - 2 * BLOCK_BYTES
    assert not planned(tmp_path, WINDOWS, fits).aside
    large = planned(tmp_path, WINDOWS, fits + 2 * BLOCK_BYTES)
    assert [row.offset for row in large.aside] == [BLOCK_BYTES]
    assert large.end < BLOCK_BYTES
    assert not planned(tmp_path, "linux-x86_64", 40 * GIB).aside
    with pytest.raises(BuildFailed, match="Windows"):
        planned(tmp_path, WINDOWS, 4 * GIB, sidecar=False)


@pytest.fixture(scope="module")
def windows_launcher() -> Path:
    """The real one; before any test, so in the builder's usual cache."""
    return launcher.launcher(WINDOWS)


def test_5_gib_for_windows(tmp_path: Path, output: Path, windows_launcher: Path) -> None:
    """A hole, and said digests, so that the test costs neither disk nor the time of hashing 5 GiB."""
    model = tmp_path / "large.gguf"
    synthetic_gguf(model, 1 << 20)
    os.truncate(model, 5 * GIB)
    content = Slice(model, 0, 5 * GIB, LARGE)
    base = contents(tmp_path)
    parts = [Part(part.path, part.role, content if part.role == "model" else part.content) for part in base.parts]
    wanted: Contents = replace(base, target=WINDOWS, parts=parts, launcher=windows_launcher)
    written = container.write(output.with_name("tiny.exe"), wanted, fetch.quiet)
    assert written.sidecar == output.with_name("tiny.weights")
    assert written.note.startswith("Windows starts no program of 4 GB")
    assert written.sidecar_bytes == 5 * GIB + BLOCK_BYTES == written.sidecar.stat().st_size
    assert written.sidecar.stat().st_blocks * 512 < 64 << 20
    assert written.size_bytes < 1 << 20
    assert output.with_name("tiny.exe").read_bytes()[:2] == b"MZ"
    payload = Payload.open(output.with_name("tiny.exe"))
    [member] = payload.by_role("model")
    assert (payload.file_of(member), member.offset, member.size) == (written.sidecar, BLOCK_BYTES, 5 * GIB)
    with written.sidecar.open("rb") as file, model.open("rb") as original:
        file.seek(member.offset)
        assert file.read(1 << 20) == original.read(1 << 20)
    with zipfile.ZipFile(output.with_name("tiny.exe")) as archive:
        assert archive.testzip() is None


def test_publish_keeps_what_it_may_not_remove(tmp_path: Path) -> None:
    """`pair.publish` by itself: the sidecar of an executable that is not there was somebody's."""
    for name, mark in (("old", 1), ("new", 2)):
        (tmp_path / name).write_bytes(Header(BLOCK_BYTES, f"{mark:064x}").pack())
    (tmp_path / "old").rename(tmp_path / "a.weights")
    (tmp_path / "exe").write_bytes(b"")
    kept = pair.publish(tmp_path / "exe", tmp_path / "a", tmp_path / "new", tmp_path / "a.weights")
    assert kept is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a", "a.weights", kept.name])
