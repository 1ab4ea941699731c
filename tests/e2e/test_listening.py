"""How the executable listens: https, below a prefix, on a path, on what systemd hands over; and who sees the key."""

import http.client
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Running, command_line, run, session, started
from tests.serving import address, serving

READY_S = 30
KEY = "correct-horse-battery-staple"


def asked(connect: socket.socket, host: str = "localhost", path: str = "/health", *lines: str) -> bytes:
    """The answer to one GET on an open connection."""
    with connect as sock:
        sock.settimeout(READY_S)
        sock.sendall(
            "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *lines, "", ""]).encode()
        )
        received = b""
        while piece := sock.recv(65536):
            received += piece
        return received


def on_path(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    return sock


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(chain)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return chain, key


def test_https_below_a_prefix(tiny: Path, env: dict[str, str], certificate: tuple[Path, Path]) -> None:
    chain, key = certificate
    flags = ["--ssl-cert-file", str(chain), "--ssl-key-file", str(key), "--api-prefix", "/llm/"]
    with started([tiny, "--server", "--port", "0", "-t", "1", *flags], env=env) as running:
        url = running.until(lambda: next(iter(_urls(running)), None))
        assert url.startswith("https://127.0.0.1:")
        assert url.endswith("/llm")
        port = int(url.removesuffix("/llm").rpartition(":")[2])
        trusted = ssl.create_default_context(cafile=str(chain))

        def status(path: str) -> int:
            connection = http.client.HTTPSConnection("localhost", port, timeout=READY_S, context=trusted)
            connection.request("GET", path)
            found = connection.getresponse().status
            connection.close()
            return found

        running.until(lambda: status("/llm/health") == 200)
        assert [status(path) for path in ("/llm/", "/llm/app.js", "/llm/v1/models", "/health", "/", "/llm")] == [
            200, 200, 200, 404, 404, 308,
        ]  # fmt: skip
        running.send(signal.SIGTERM)
        assert running.wait().status == 0


def _urls(running: Running) -> Iterator[str]:
    for line in running.err().splitlines():
        if line.startswith("listening on "):
            yield line.removeprefix("listening on ")


def test_wrong_files_are_one_sentence(tiny: Path, env: dict[str, str], certificate: tuple[Path, Path]) -> None:
    chain, key = (str(path) for path in certificate)
    for flags in (["--ssl-cert-file", chain], ["--ssl-cert-file", key, "--ssl-key-file", key]):
        done = run([tiny, "--server", "--port", "0", *flags], env=env)
        assert done.status == 10
        assert len(done.complaints.splitlines()) == 1, done


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_unix_socket_is_removed_at_the_end(
    tiny: Path, env: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "lmfile.sock"
    with started([tiny, "--host", str(path), "-t", "1"], env=env) as running:
        running.until(lambda: f"listening on unix:{path}" in running.err())
        running.until(lambda: b"200 OK" in asked(on_path(path)))
        again = run([tiny, "--host", str(path)], env=env)
        assert again.status == 50
        assert str(path) in again.complaints
        running.send(number)
        assert running.wait().status in (0, 130)
    assert not path.exists()


def test_the_socket_of_a_killed_server_is_taken_over(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "lmfile.sock"
    for _ in range(2):
        with started([tiny, "--host", str(path), "-t", "1"], env=env) as running:
            running.until(lambda running=running: "listening on" in running.err())
        assert path.exists(), "it was killed"


def test_started_by_systemd(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    """Descriptor 3 listens already, and somebody reads what is told."""
    path = tmp_path / "activated.sock"
    with socket.socket(socket.AF_UNIX) as handed, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        handed.bind(str(path))
        handed.listen()
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(READY_S)
        script = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" --server -t 1 3<&0 0</dev/null'
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with started(["sh", "-c", script, str(tiny)], env={**env, **told}, stdin=handed.fileno()) as running:
            first = on_path(path)  # systemd starts the service for the first connection, which waits
            messages = [systemd.recv(4096).decode()]
            while "READY=1" not in messages[-1]:
                messages.append(systemd.recv(4096).decode())
            assert all("loading the model" in message for message in messages[:-1])
            assert b"HTTP/1.1 200" in asked(first)
            running.send(signal.SIGTERM)
            assert systemd.recv(4096).startswith(b"STOPPING=1")
            assert running.wait().status == 0
    assert path.exists(), "it belongs to systemd"


def test_a_socket_for_others_needs_a_key(tiny: Path, env: dict[str, str]) -> None:
    script = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" --server 3<&0 0</dev/null'
    with socket.create_server(("0.0.0.0", 0)) as handed:
        with started(["sh", "-c", script, str(tiny)], env=env, stdin=handed.fileno()) as running:
            assert running.wait().status == 11
        with started(
            ["sh", "-c", script, str(tiny)], env={**env, "LMFILE_API_KEY": KEY}, stdin=handed.fileno()
        ) as running:
            running.until(lambda: "listening on http://127.0.0.1:" in running.err())


def test_a_key_shows_nowhere(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(KEY)
    file.chmod(0o600)
    with serving(tiny, "-t", "1", "--api-key-file", str(file), env=env) as server:
        bearer = f"Authorization: Bearer {KEY}"
        answers = [
            asked(socket.create_connection(("127.0.0.1", server.port)), f"127.0.0.1:{server.port}", target, bearer)
            for target in ("/props", "/v1/models", "/slots", "/metrics", "/nowhere", f"/{KEY}x")
        ]
        assert b"200 OK" in answers[0]
        for pid in session(server.running.pid):
            assert KEY not in command_line(pid)
            assert KEY.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
        assert not any(KEY.encode() in answer for answer in answers[:5])
        assert KEY not in server.running.err() + server.running.out()


def test_one_key_in_the_environment(tiny: Path, env: dict[str, str]) -> None:
    with started([tiny, "--server", "--port", "0", "-t", "1"], env={**env, "LMFILE_API_KEY": KEY}) as running:
        server = address(running)
        server.wait_ready()
        assert server.get("/props")[0] == 401
        assert not any(KEY in command_line(pid) for pid in session(running.pid))
        assert KEY.encode() not in Path(f"/proc/{running.worker()}/environ").read_bytes()
