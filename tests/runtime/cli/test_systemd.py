"""What systemd hands over and is told, with a program that does as systemd does in its place."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.cli.systemd import Notifier, inherited_sockets
from runtime.errors import CannotListen

OWN_PID = str(os.getpid())
ADOPT = """
import os, socket, sys
os.environ["LISTEN_PID"] = str(os.getpid())
from runtime.cli.systemd import inherited_sockets
from runtime.errors import LmfileError
try:
    adopted = inherited_sockets(os.environ)
except LmfileError as error:
    sys.exit(str(error))
print(*[(sock.family.name, sock.get_inheritable(), sock.getblocking()) for sock in adopted])
print(sorted(name for name in os.environ if name.startswith("LISTEN")))
"""


def adopted(*sockets: socket.socket) -> subprocess.CompletedProcess[str]:
    """A program that finds these as its descriptors 3, 4, …, as systemd leaves them."""
    moves = " ".join(f"{3 + place}<&{sock.fileno()}" for place, sock in enumerate(sockets))
    command = f'exec "$0" -c "$1" {moves}'
    return subprocess.run(
        ["bash", "-c", command, sys.executable, ADOPT],
        env={**os.environ, "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": "a:b"},
        pass_fds=[sock.fileno() for sock in sockets],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def high(sock: socket.socket) -> socket.socket:
    """The same socket under a number that no redirection overwrites."""
    return socket.socket(fileno=os.dup2(sock.detach(), 100 + sock.family))


def test_listening_sockets_are_taken(tmp_path: Path) -> None:
    with high(socket.create_server(("127.0.0.1", 0))) as tcp, high(socket.socket(socket.AF_UNIX)) as unix:
        unix.bind(str(tmp_path / "a.sock"))
        unix.listen()
        done = adopted(tcp, unix)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["('AF_INET', False, False) ('AF_UNIX', False, False)", "[]"]


def test_others_are_one_sentence(tmp_path: Path) -> None:
    with high(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as datagrams:
        datagrams.bind(str(tmp_path / "a.sock"))
        done = adopted(datagrams)
    assert done.returncode == 1
    assert "does not listen for streams" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x", "LISTEN_PID": OWN_PID},
     {"LISTEN_FDS": "0", "LISTEN_PID": OWN_PID}],
)  # fmt: skip
def test_none_that_are_meant_for_others(environ: dict[str, str]) -> None:
    assert inherited_sockets(environ) == []
    assert environ == {}


def test_what_is_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "file").open("wb") as file, pytest.raises(CannotListen, match="no socket"):
        monkeypatch.setattr("runtime.cli.systemd.FIRST_FD", file.fileno())
        inherited_sockets({"LISTEN_FDS": "1", "LISTEN_PID": OWN_PID})


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """NOTIFY_SOCKET, and the socket behind it."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@lmfile-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address.replace("@", "\0"))
        sock.settimeout(5)
        yield address, sock


def test_it_is_told(systemd: tuple[str, socket.socket]) -> None:
    address, sock = systemd
    environ = {"NOTIFY_SOCKET": address}
    notifier = Notifier(environ)
    assert environ == {}
    notifier.loading(0.4)
    notifier.ready("serving tiny")
    notifier.stopping()
    told = [sock.recv(4096).decode().split("\n") for _ in range(3)]
    assert told[0] == ["STATUS=loading the model: 40%", "EXTEND_TIMEOUT_USEC=30000000"]
    assert told[1] == ["READY=1", "STATUS=serving tiny"]
    assert told[2][0] == "STOPPING=1"


def test_nobody_listens() -> None:
    assert not Notifier({})
    Notifier({}).ready("alone")
    Notifier({"NOTIFY_SOCKET": "/no/such/socket"}).ready("alone")
