"""https: a certificate and a key of one's own, and every way in which they are wrong."""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import UsageError
from runtime.server import limits
from runtime.server.tls import server_context
from tests.runtime.server.live import Live, ScriptedEngine, eventually, say

ANSWER = b"HTTP/1.1 200 OK"
WORDS = ["x" * 100_000] * 200


def certificate(folder: Path, name: str = "cert") -> tuple[str, str]:
    """A self-signed certificate for this computer, and its key."""
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(chain)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return str(chain), str(key)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(start: Callable[..., Live], files: tuple[str, str]) -> Live:
    return start(tls=server_context(*files))


def asked(server: Live, files: tuple[str, str], *lines: str, method: str = "GET", path: str = "/health") -> bytes:
    """The answer to a request over TLS, as bytes."""
    trusted = ssl.create_default_context(cafile=files[0])
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain,
        trusted.wrap_socket(plain, server_hostname="localhost") as sock,
    ):
        head = [f"{method} {path} HTTP/1.1", f"Host: localhost:{server.port}", "Connection: close", *lines, "", ""]
        sock.sendall("\r\n".join(head).encode())
        received = b""
        while piece := sock.recv(65536):
            received += piece
        return received


def test_a_request_over_tls(secure: Live, files: tuple[str, str]) -> None:
    assert asked(secure, files).startswith(ANSWER)
    assert asked(secure, files).find(b'{"status":"ok"') > 0


def test_a_key_that_is_too_short_is_called_that(tmp_path: Path) -> None:
    chain, key = str(tmp_path / "short.pem"), str(tmp_path / "short.key")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", chain], check=True, capture_output=True, timeout=60)
    with pytest.raises(UsageError, match="the key is too short"):
        server_context(chain, key)


def test_only_pages_over_tls_are_its_own(secure: Live, files: tuple[str, str]) -> None:
    own = f"Origin: https://localhost:{secure.port}"
    foreign = f"Origin: http://localhost:{secure.port}"
    assert asked(secure, files, own).startswith(ANSWER)
    assert asked(secure, files, foreign).startswith(b"HTTP/1.1 403")


def test_a_plain_request_gets_nothing(secure: Live) -> None:
    assert secure.raw(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{secure.port}\r\n\r\n".encode()).find(b"200 OK") < 0


def test_versions_before_1_2_are_refused(secure: Live) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=10) as plain,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        old.wrap_socket(plain)


def test_a_handshake_that_is_not_made_stands_in_nobodys_way(
    start: Callable[..., Live], files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEAD_S", 1.0)
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 8)
    server = start(tls=server_context(*files))
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(20)]
    for sock in silent[::2]:
        with contextlib.suppress(ConnectionError):  # some have been displaced already
            sock.sendall(b"\x16\x03\x01")
    assert asked(server, files).startswith(ANSWER)
    assert eventually(lambda: all(ended(sock) for sock in silent))
    for sock in silent:
        sock.close()


def ended(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(1000) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_a_reader_that_does_not_read_is_cut(
    start: Callable[..., Live], files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WRITE_STALL_S", 0.5)
    server = start(ScriptedEngine(say(*WORDS)), tls=server_context(*files))
    trusted = ssl.create_default_context(cafile=files[0])
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
        sock = trusted.wrap_socket(plain, server_hostname="localhost")
        body = b'{"prompt": "x", "stream": true}'
        head = f"POST /completion HTTP/1.1\r\nHost: localhost:{server.port}\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body)
        assert eventually(lambda: server.engine.cancelled == [1])
        received = 0
        with contextlib.suppress(OSError):
            while piece := sock.recv(1 << 20):
                received += len(piece)
    assert received < len(WORDS) * len(WORDS[0])


def test_none_without_files() -> None:
    assert server_context(None, None) is None


def test_bad_files_are_one_sentence(tmp_path: Path, files: tuple[str, str]) -> None:
    chain, key = files
    _, other_key = certificate(tmp_path, "other")
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\xff\x00 nonsense")
    garbage.chmod(0o600)
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "ec", "-in", key, "-aes128", "-passout", "pass:secret", "-out", str(locked)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    locked.chmod(0o600)
    wrong: list[tuple[str | None, str | None, str]] = [
        (chain, None, "give both"), (None, key, "give both"), (chain, str(tmp_path / "absent"), "No such file"),
        (str(tmp_path / "absent"), key, "No such file"), (str(tmp_path), key, "directory"),
        (chain, other_key, "not that of the certificate"), (str(garbage), key, "PEM"), (chain, str(garbage), "PEM"),
        (chain, str(locked), "password"), (key, chain, "PEM|chmod"),
    ]  # fmt: skip
    for cert_file, key_file, told in wrong:
        with pytest.raises(UsageError, match=told) as caught:
            server_context(cert_file, key_file)
        assert "\n" not in str(caught.value)


if os.name == "posix":  # Windows has no such modes.

    @pytest.mark.parametrize(("mode", "refused"), [(0o644, True), (0o604, True), (0o640, False), (0o600, False)])
    def test_a_key_that_everybody_may_read_is_refused(tmp_path: Path, mode: int, refused: bool) -> None:
        chain, key = certificate(tmp_path)
        Path(key).chmod(mode)
        if refused:
            with pytest.raises(UsageError, match="chmod o="):
                server_context(chain, key)
        else:
            assert server_context(chain, key)


def test_a_server_without_tls_does_not_load_it() -> None:
    code = (
        "import sys; from runtime.cli.main import without_tls; without_tls();"
        "import runtime.cli.serve; print([name for name in ('ssl', '_ssl') if sys.modules.get(name)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
