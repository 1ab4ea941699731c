"""Listening on a path: who may connect, what is taken over, and what a server there refuses."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.errors import CannotListen, ExposedWithoutKey, PortInUse
from runtime.server.sockets import listen, url
from runtime.server.unix_socket import is_unix, paths_of
from tests.runtime.server.live import Live

Opener = Callable[[str], list[socket.socket]]


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Open sockets without a key; they are closed after the test."""
    kept: list[socket.socket] = []

    def opener(host: str) -> list[socket.socket]:
        sockets = listen(host, 0, has_key=False)
        kept.extend(sockets)
        return sockets

    yield opener
    for sock in kept:
        sock.close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [("unix:/run/x", True), ("/run/x.sock", True), ("x.sock", True), ("127.0.0.1", False), ("/run/x", False)],
)
def test_what_is_a_path(host: str, expected: bool) -> None:
    assert is_unix(host) == expected


def test_only_the_owner_may_connect(opened: Opener, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    before = os.umask(0)
    try:
        sockets = opened(str(path))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert url(str(path), sockets) == f"unix:{path}"
    assert paths_of(sockets) == [path]


def test_a_socket_that_nobody_listens_on_is_taken_over(opened: Opener, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    [first] = opened(str(path))
    with pytest.raises(PortInUse, match=f"`{path}`.*another program"):
        opened(str(path))
    first.close()
    assert path.exists()
    opened(str(path))


def test_nothing_else_is(opened: Opener, tmp_path: Path) -> None:
    file = tmp_path / "a.sock"
    file.write_text("precious")
    target = tmp_path / "link.sock"
    target.symlink_to(file)
    for path in (file, target):
        with pytest.raises(CannotListen, match="no socket"):
            opened(str(path))
    assert file.read_text() == "precious"


@pytest.mark.parametrize("path", ["no/such/folder/a.sock", "x" * 200 + ".sock"])
def test_a_path_that_cannot_be(opened: Opener, tmp_path: Path, path: str) -> None:
    with pytest.raises(CannotListen, match="Listening on `"):
        opened(str(tmp_path / path))


def test_beside_a_port(opened: Opener, tmp_path: Path) -> None:
    sockets = opened(f"127.0.0.1,{tmp_path / 'a.sock'}")
    assert [sock.family for sock in sockets] == [socket.AF_INET, socket.AF_UNIX]
    assert url("127.0.0.1", sockets).startswith("http://127.0.0.1:")
    with pytest.raises(ExposedWithoutKey):
        opened(f"{tmp_path / 'b.sock'},0.0.0.0")
    assert not (tmp_path / "b.sock").exists()


def asked(path: Path, *lines: str, method: str = "GET", target: str = "/health") -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        sock.sendall("\r\n".join([f"{method} {target} HTTP/1.1", "Connection: close", *lines, "", ""]).encode())
        received = b""
        while piece := sock.recv(65536):
            received += piece
        return received


def test_any_name_and_no_foreign_page(start: Callable[..., Live], tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    start(host=str(path))
    for host in ("localhost", "anything", "models.example.org"):
        assert asked(path, f"Host: {host}").startswith(b"HTTP/1.1 200")
    assert asked(path, "Host: a", "Origin: http://a").startswith(b"HTTP/1.1 200")
    assert asked(path, "Host: a", "Origin: http://b").startswith(b"HTTP/1.1 403")
    assert asked(path, "Host: a", "Sec-Fetch-Site: cross-site").startswith(b"HTTP/1.1 403")
