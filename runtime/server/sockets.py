"""Opens the listening sockets. Imports nothing slow: a busy port is found before the model is loaded.

A listening socket holds the port exclusively (never SO_REUSEPORT), and a client that
connects before the server accepts waits in its backlog. Unix sockets are in unix_socket.py.
"""

import errno
import os
import socket
import sys
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from runtime.errors import CannotListen, ExposedWithoutKey, PortInUse
from runtime.server.unix_socket import is_unix, open_unix, socket_path

BACKLOG = 1024
"""A client whose connection the system had to drop tries again after a second."""


def listen(host: str, port: int, *, has_key: bool) -> list[socket.socket]:
    """Return one listening socket for each address of `host`, all on one port; port 0: any free one.

    host: an address, a name, `unix:PATH` or a path ending in .sock; several with commas.
    Raises: ExposedWithoutKey when other computers could connect and no key is set;
    PortInUse; CannotListen when the address is unknown, foreign or not permitted.
    """
    hosts = [one.strip() for one in host.split(",") if one.strip()]
    if not hosts:
        raise CannotListen(host, port, "there is no address")
    paths = [socket_path(one) for one in hosts if is_unix(one)]
    found = [(one, _resolve(one, port)) for one in hosts if not is_unix(one)]
    for one, addresses in found:
        if not has_key and not all(ip_address(address).is_loopback for _, address in addresses):
            raise ExposedWithoutKey(one)
    opened: list[socket.socket] = []
    try:
        for one, addresses in found:
            opened += _open_all(one, addresses, opened[0].getsockname()[1] if opened else port)
        opened += [open_unix(path, BACKLOG) for path in paths]
    except (PortInUse, CannotListen):
        close_all(opened)
        raise
    return opened


def check_exposure(sockets: Iterable[socket.socket]) -> None:
    """Raise ExposedWithoutKey for sockets, opened by somebody else, that other computers can reach."""
    for sock in sockets:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            address = sock.getsockname()[0].partition("%")[0]
            if not ip_address(address).is_loopback:
                raise ExposedWithoutKey(address)


def close_all(sockets: Iterable[socket.socket]) -> None:
    """Close them."""
    for sock in sockets:
        sock.close()


def ports(sockets: Iterable[socket.socket]) -> list[int]:
    """The TCP ports among them."""
    return [sock.getsockname()[1] for sock in sockets if sock.family in (socket.AF_INET, socket.AF_INET6)]


def url(host: str, sockets: Sequence[socket.socket], scheme: str = "http", prefix: str = "") -> str:
    """Return the address that a browser on this computer opens; `unix:PATH` when no browser can."""
    reachable = [sock for sock in sockets if sock.family in (socket.AF_INET, socket.AF_INET6)]
    if not reachable:
        return f"unix:{sockets[0].getsockname()}"
    port = reachable[0].getsockname()[1]
    if host == "localhost":
        return f"{scheme}://localhost:{port}{prefix}"
    address = ip_address(reachable[0].getsockname()[0].partition("%")[0])
    if address.is_unspecified:
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    name = str(address) if address.version == 4 else f"[{address}]"
    return f"{scheme}://{name}:{port}{prefix}"


def _resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CannotListen(host, port, "this name has no address here") from error
    addresses = dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found)
    if host == "localhost":
        # Many machines name ::1 in their hosts file and have IPv6 switched off.
        return [pair for pair in addresses if pair[0] == socket.AF_INET] or list(addresses)
    return list(addresses)


def _open_all(host: str, addresses: Iterable[tuple[socket.AddressFamily, str]], port: int) -> list[socket.socket]:
    opened: list[socket.socket] = []
    try:
        for family, address in addresses:
            opened.append(_open(family, address, port))
            port = opened[0].getsockname()[1]
    except OSError as error:
        close_all(opened)
        raise _reason(error, host, port) from error
    return opened


def _open(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind((address, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _reason(error: OSError, host: str, port: int) -> PortInUse | CannotListen:
    # Windows answers EACCES when the port is held exclusively by somebody else.
    if error.errno == errno.EADDRINUSE or (sys.platform == "win32" and error.errno == errno.EACCES):
        return PortInUse(host, port)
    if error.errno == errno.EACCES:
        return CannotListen(host, port, "this port needs more rights (below 1024 it is the administrator's)")
    if error.errno == errno.EADDRNOTAVAIL:
        return CannotListen(host, port, "this computer does not have that address")
    return CannotListen(host, port, os.strerror(error.errno) if error.errno else str(error))
