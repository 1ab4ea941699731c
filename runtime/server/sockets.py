"""Opens the listening sockets. Imports nothing slow: a busy port is found before the model is loaded.

A listening socket holds the port exclusively (never SO_REUSEPORT), and a client that
connects before the server accepts waits in its backlog.
"""

import errno
import os
import socket
import sys
from ipaddress import ip_address

from runtime.errors import CannotListen, ExposedWithoutKey, PortInUse

BACKLOG = 256


def listen(host: str, port: int, *, has_key: bool) -> list[socket.socket]:
    """Return one listening socket for each address of `host`, all on one port; port 0: any free one.

    Raises: ExposedWithoutKey when other computers could connect and no key is set;
    PortInUse; CannotListen when the address is unknown, foreign or not permitted.
    """
    addresses = _resolve(host, port)
    if not has_key and not all(ip_address(address).is_loopback for _, address in addresses):
        raise ExposedWithoutKey(host)
    opened: list[socket.socket] = []
    try:
        for family, address in addresses:
            opened.append(_open(family, address, port))
            port = opened[0].getsockname()[1]
    except OSError as error:
        for sock in opened:
            sock.close()
        raise _reason(error, host, port) from error
    return opened


def url(host: str, sockets: list[socket.socket]) -> str:
    """Return the address that a browser on this computer opens."""
    port = sockets[0].getsockname()[1]
    if host == "localhost":
        return f"http://localhost:{port}"
    address = ip_address(sockets[0].getsockname()[0].partition("%")[0])
    if address.is_unspecified:
        return f"http://127.0.0.1:{port}" if address.version == 4 else f"http://[::1]:{port}"
    return f"http://{address}:{port}" if address.version == 4 else f"http://[{address}]:{port}"


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
