"""What the command line says about listening, and the combinations that are refused before a model is loaded."""

from pathlib import Path

import pytest

from runtime.cli.parse import parse
from runtime.cli.port import Port, open_port
from runtime.errors import ExposedWithoutKey, UsageError


def opened(*arguments: str) -> Port:
    """Open what these flags say, and close it again."""
    options, _ = parse(["--server", "--port", "0", *arguments])
    port = open_port(options)
    for sock in port.sockets:
        sock.close()
    port.remove_paths()
    return port


@pytest.mark.parametrize(
    ("given", "expected"), [("", ""), ("/", ""), ("/x", "/x"), ("x/", "/x"), ("/a/b-c_d.e/", "/a/b-c_d.e")]
)
def test_prefixes(given: str, expected: str) -> None:
    port = opened("--api-prefix", given)
    assert port.prefix == expected
    assert port.url.endswith(expected)


@pytest.mark.parametrize("given", ["/a b", "/{x}", "/ü", "/a?b", "/..", "/a/./b", "//evil.example/%00"])
def test_prefixes_that_cannot_be(given: str) -> None:
    with pytest.raises(UsageError, match="--api-prefix"):
        opened("--api-prefix", given)


def test_origins() -> None:
    given = "https://app.example,http://localhost:5173, null"
    assert opened("--cors-origin", given).origins == ("https://app.example", "http://localhost:5173", "null")
    assert opened("--cors-origins", "*", "--api-key", "x").origins == ("*",)
    assert opened().origins == ()


@pytest.mark.parametrize("given", ["app.example", "https://", "https://a/", "https://*.example", "https://u@a", "://a"])
def test_origins_that_cannot_be(given: str) -> None:
    with pytest.raises(UsageError, match="--cors-origin"):
        opened("--cors-origin", given)


@pytest.mark.parametrize(
    "arguments",
    [("--host", "0.0.0.0"), ("--host", "127.0.0.1,::"), ("--cors-origin", "*"), ("--host", "a.sock,0.0.0.0")],
)
def test_others_need_a_key(arguments: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExposedWithoutKey, match="--api-key-file"):
        opened(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_unix_socket_leaves_nothing(tmp_path: Path) -> None:
    port = opened("--host", f"unix:{tmp_path}/s")
    assert port.url == f"unix:{tmp_path}/s"
    assert list(tmp_path.iterdir()) == []
