"""The publisher's assistant: what `lmfile build` takes for it, writes, shows, and refuses by name."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from bundler import cli, icon, identity
from bundler.recipe import Recipe, command_line
from runtime.errors import UsageError
from runtime.payload import Assistant, Payload
from runtime.payload.decoding import decode
from tests.packing import pack

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'


def recipe(**said: Any) -> Recipe:
    return Recipe((), **said)


def png(width: int = 64, height: int = 64) -> bytes:
    head = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes((width + 1) * height))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "any name"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_everything_is_kept(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("You are Bread Book.\nBe kind.\n", encoding="utf-8")
    wanted = recipe(
        name="Bread Book 🍞",
        icon=written(tmp_path, png()),
        color="#AA3300",
        greeting="Hallo!\nFrag mich.",
        system_prompt=command_line.text(f"@{prompt}", "system prompt", 100) or "",
        starters=("Tee?",),
    )
    packed = identity.packed(wanted)
    assert packed.record == Assistant(
        "Bread Book 🍞", "#aa3300", "Hallo!\nFrag mich.", "You are Bread Book.\nBe kind.", ("Tee?",), "icon.png"
    )
    assert [(part.path, part.role, part.content) for part in packed.parts] == [("icon.png", "icon", png())]


def test_it_goes_into_the_executable_and_out_again(
    tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = written(tmp_path, SVG.format("<g/>"))
    packed = identity.packed(
        recipe(
            name="Bread Book",
            icon=picture,
            color="#aa3300",
            greeting="Hello",
            system_prompt="Be kind.",
            starters=("Tea?",),
        )
    )
    pack(tmp_path, output, assistant=packed.record, extra=packed.parts)
    payload = Payload.open(output)
    assert payload.manifest.assistant == packed.record
    assert payload.verify(lambda _what, _done, _total: None) == []
    member = payload.member("icon.svg")
    assert member and payload.read(member) == SVG.format("<g/>").encode()
    assert cli.main(["inspect", str(output)]) == 0
    shown = capsys.readouterr().out.splitlines()
    told = ["color     #aa3300", "icon      icon.svg", 'greeting  "Hello"', 'system    "Be kind."', 'starter   "Tea?"']
    assert set(told) <= set(shown)


def test_without_one_the_manifest_says_nothing(tmp_path: Path, output: Path) -> None:
    pack(tmp_path, output)
    payload = Payload.open(output)
    assert payload.manifest.assistant == Assistant()
    assert "assistant" not in json.loads(payload.manifest.encode())


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (recipe(name="two\nlines"), "`name`"),
        (recipe(name="x" * 81), "`name` has 81 characters"),
        (recipe(name="\ud800"), "`name`"),
        (recipe(color="red"), "`color`"),
        (recipe(color="#12345"), "`color`"),
        (recipe(greeting="x" * 501), "`greeting`"),
        (recipe(greeting="\x1b[31m"), "`greeting`"),
        (recipe(system_prompt="x" * 20_001), "`system_prompt`"),
        (recipe(starters=("x",) * 9), "`starters` has 9 texts"),
        (recipe(starters=("x" * 301,)), "`starters`"),
        (recipe(icon=Path("/nowhere")), "no such file"),
    ],
)
def test_what_cannot_be_is_refused_by_name(wanted: Recipe, field: str) -> None:
    with pytest.raises(UsageError, match=field):
        identity.packed(wanted)


def test_a_prompt_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        command_line.text(f"@{written(tmp_path, bytes([255, 254]))}", "system prompt", 100)
    with pytest.raises(UsageError, match="no such file"):
        command_line.text("@/nowhere", "system prompt", 100)


@pytest.mark.parametrize(
    "drawn",
    [
        "<title>a@b</title><path d='M0 0h9' fill='url(#a)'/>",
        "<defs><linearGradient id='a'/></defs><use xlink:href='#a'/><use href='#a'/>",
        "<style>.a { fill: red; clip-path: url('#c') }</style>",
    ],
)
def test_a_drawing(tmp_path: Path, drawn: str) -> None:
    assert icon.read(written(tmp_path, SVG.format(drawn))) == (SVG.format(drawn).encode(), ".svg")


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<SCRIPT/>",
        "<path onload='alert(1)'/>",
        "<path ONCLICK='alert(1)'/>",
        "<a href='#x'/>",
        "<use href='https://example.org/#a'/>",
        "<use xlink:href='other.svg#a'/>",
        "<use href='data:image/svg+xml,x'/>",
        "<use href='javascript:alert(1)'/>",
        "<image href='#a'/>",
        "<foreignObject/>",
        "<animate attributeName='href' to='x'/>",
        "<set attributeName='onload' to='x'/>",
        "<style>@import 'x.css';</style>",
        "<style>@import 'x.css';<g/></style>",
        "<style>a { fill: url(https://example.org) }</style>",
        "<style>a { fill: u\\72l(https://example.org) }</style>",
        "<style>a { fill: URL( 'x' ) }</style>",
        "<style>a { background: image-set('x' 1x) }</style>",
        "<path style='fill:url(x)'/>",
        "<path fill='url(//example.org/a)'/>",
        "<html xmlns='http://www.w3.org/1999/xhtml'/>",
        "<?xml-stylesheet href='x'?>",
        "<g xml:base='https://example.org'/>",
        "<g>",
    ],
)
def test_a_drawing_that_does_more(tmp_path: Path, hostile: str) -> None:
    with pytest.raises(UsageError, match="icon"):
        icon.read(written(tmp_path, SVG.format(hostile)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"<html/>",
        '<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + SVG.format("&a;"),
        SVG.format("<g/>" * 10_001),
        b" " * (256 << 10) + SVG.format("").encode(),
        png()[:-1],
        png()[:-12],
        png() + b"<script>",
        png()[:20] + b"\xff" + png()[21:],
        png(15, 64),
        png(64, 1025),
    ],
)
def test_what_is_no_icon(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(UsageError, match="icon"):
        icon.read(written(tmp_path, content))


@pytest.mark.parametrize(
    "told",
    [
        {"name": 5},
        {"name": "x" * 100},
        {"color": "url(x)"},
        {"starters": "Tea?"},
        {"starters": [5]},
        {"icon": "../icon.png"},
        {"icon": "app/a.pyc"},
        [],
    ],
)
def test_a_manifest_that_says_what_cannot_be(tmp_path: Path, output: Path, told: object) -> None:
    pack(tmp_path, output)
    table = json.loads(Payload.open(output).manifest.encode())
    with pytest.raises(ValueError, match="manifest"):
        decode(json.dumps({**table, "assistant": told}).encode(), 1 << 60)
