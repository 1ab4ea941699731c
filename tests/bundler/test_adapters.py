"""`lmfile build --adapter`: what is packed, under which name, what is said about it, and what is refused."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bundler import adapters, cli, fetch
from bundler.adapters import Packed
from bundler.recipe.command_line import adapter as adapter_option
from runtime.adapters.check import check_adapter
from runtime.errors import AdapterInvalid, AdapterNotFound, AdapterUnsupported, UsageError
from runtime.gguf import Gguf
from runtime.payload import Adapter, Payload
from runtime.payload.decoding import decode
from tests.adapters.folders import adapter, base_model, peft_folder
from tests.packing import pack


def packed(wanted: Sequence[str], base: Gguf) -> Packed:
    return adapters.packed([adapter_option(text) for text in wanted], base, fetch.quiet)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gguf:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ada.gguf").write_bytes(adapter())
    (tmp_path / "x=y:2.gguf").write_bytes(adapter())
    peft_folder(tmp_path / "folder")
    return base_model(tmp_path)


@pytest.mark.parametrize(
    ("text", "name", "scale"),
    [
        ("ada.gguf", "ada", 0.0),
        ("ada.gguf:0.5", "ada", 0.5),
        ("bob=ada.gguf", "bob", 0.0),
        ("bob=ada.gguf:-1e-1", "bob", -0.1),
        ("folder", "folder", 0.0),
        ("folder/", "folder", 0.0),
        ("carl=folder:1", "carl", 1.0),
        ("x=y:2.gguf", "x_y_2", 0.0),
        ("x=y:2.gguf:2", "x_y_2", 2.0),
        ("eve=x=y:2.gguf:2", "eve", 2.0),
    ],
)
def test_names_and_weights(base: Gguf, text: str, name: str, scale: float) -> None:
    made = packed([text], base)
    assert made.records == [Adapter(name, f"adapters/{name}.gguf", "llama", 2, 24, scale)]
    (part,) = made.parts
    assert (part.path, part.role) == (f"adapters/{name}.gguf", "adapter")


def contents(packed: Packed) -> Sequence[bytes]:
    return [part.content if isinstance(part.content, bytes) else part.content.read_bytes() for part in packed.parts]


def test_a_folder_is_converted_and_always_the_same(base: Gguf, tmp_path: Path) -> None:
    first, second = (contents(packed(["folder", "ada.gguf"], base)) for _ in range(2))
    assert first == second
    assert first[1] == adapter()
    (tmp_path / "converted.gguf").write_bytes(first[0])
    assert check_adapter(tmp_path / "converted.gguf", 0, 0, base).alpha == 4.0


def test_what_is_refused(base: Gguf, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(adapter()[:-20])
    (tmp_path / "pickle.bin").write_bytes(b"\x80\x02}.")
    (tmp_path / "empty").mkdir()
    for wanted, kind, reason in (
        (["none.gguf"], AdapterNotFound, "`none.gguf`"),
        (["empty"], AdapterNotFound, "no adapter_config.json"),
        (["bad.gguf"], AdapterInvalid, "beyond the file's end"),
        (["pickle.bin"], AdapterUnsupported, "pickle"),
        (["ada.gguf", "ada=folder"], UsageError, "another one is called `ada`"),
        (["ada.gguf:1e9"], UsageError, "not a weight"),
        (["ada.gguf:1.2.3"], UsageError, "not a weight"),
    ):
        with pytest.raises(kind, match=reason):
            packed(wanted, base)


def test_inspect_and_verify_know_them(
    base: Gguf, tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = packed(["folder", "ada.gguf:0.5"], base)
    pack(tmp_path, output, extra=made.parts, adapters=made.records)
    payload = Payload.open(output)
    assert payload.verify(lambda _what, _done, _total: None) == []
    assert payload.manifest.adapters == tuple(made.records)
    members = payload.by_role("adapter")
    assert [member.path for member in members] == ["adapters/ada.gguf", "adapters/folder.gguf"]
    assert all(member.offset % 65536 == 0 for member in members)
    assert payload.read(members[0]) == adapter()
    assert cli.main(["inspect", str(output)]) == 0
    shown = capsys.readouterr().out
    assert "adapter   folder, rank 2, 0.0M parameters, where a request asks for it" in shown
    assert "adapter   ada, rank 2, 0.0M parameters, in every answer at 0.5" in shown


def test_a_manifest_of_before_has_none(tmp_path: Path, output: Path) -> None:
    payload = Payload.open(pack(tmp_path, output))
    assert payload.manifest.adapters == ()
    text = payload.manifest.encode().replace(b' "adapters": [],\n', b"")
    assert b"adapters" not in text
    assert decode(text, payload.footer.manifest_offset).adapters == ()


@pytest.mark.parametrize("scale", [b"true", b"1e400", b'"1"', b"null"])
def test_a_false_manifest_is_refused(base: Gguf, tmp_path: Path, output: Path, scale: bytes) -> None:
    made = packed(["ada.gguf:0.5"], base)
    payload = Payload.open(pack(tmp_path, output, extra=made.parts, adapters=made.records))
    text = payload.manifest.encode().replace(b'"scale": 0.5', b'"scale": ' + scale)
    with pytest.raises(ValueError, match="scale"):
        decode(text, payload.footer.manifest_offset)
