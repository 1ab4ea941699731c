"""The places that there are for connections: who has one, and who has kept the server waiting longest.

The server waits for a connection that owes something: a request, the rest of its body, or the
reading of its answer. When every place is taken, the one that has been waited for longest makes
room. So a flood of unfinished requests displaces itself, and a client whose request is whole
when it comes gets its answer whatever else is connected. Who is being answered keeps its place,
unless it has not read for `limits.UNREAD_S`. With nobody to displace, the newcomer gets a 503.

The same record ends what no other limit reaches: a client that does not read, and one whose
last bytes lie unread behind a closed connection, which the system would keep without end.
"""

import asyncio
import socket
import struct
import sys
from collections.abc import Collection
from ipaddress import IPv6Address, ip_address

from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server import limits
from runtime.server.limits import Debt

SWEEP_S = 0.5

NEVER = float("inf")
NETWORK_BITS = 64
"""Of an IPv6 address: whoever has one has 2^64 of them."""


class Connection:
    """One place. `group`: the address it shares places with; empty for programs on this computer.

    `transport` is there once the connection is open: with TLS, after the handshake. `n_body`: bytes of a body that is
    still coming.
    """

    __slots__ = ("_cut", "debt", "group", "n_body", "opening", "since", "sock", "transport")

    def __init__(self, sock: socket.socket, group: str) -> None:
        self.sock = sock
        self.group = group
        self.opening: asyncio.Task[None] | None = None
        self.transport: asyncio.BaseTransport | None = None
        self.n_body = 0
        self._cut = False
        self.owe("request")

    def owe(self, debt: Debt | None) -> None:
        """From now on the server waits for this; `None`: it is the server's turn."""
        self.debt = debt
        self.since = NEVER if debt is None else asyncio.get_running_loop().time()

    @property
    def gone(self) -> bool:
        """Whether the place is free again."""
        return self._cut or self.sock.fileno() < 0

    def is_overdue(self, now: float) -> bool:
        """Whether it has been waited for beyond every limit."""
        return self.debt is not None and now - self.since > limits.patience_s(self.debt)

    def yields(self, now: float) -> bool:
        """Whether it may be cut for somebody else's sake."""
        return self.debt in ("request", "body") or now - self.since > limits.UNREAD_S

    def cut(self) -> None:
        """End it now; what was not read yet is lost."""
        self._cut = True
        if self.sock.fileno() >= 0:
            # Without this the kernel keeps what was written, megabytes of it, for minutes after the close.
            now = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()
        elif self.opening is not None:
            self.opening.cancel()


class Connections:
    """All places of one server; another computer gets `max_per_address` of them."""

    def __init__(self, max_per_address: int) -> None:
        self._max_per_address = max_per_address
        self._all: list[Connection] = []
        self._of: dict[asyncio.BaseProtocol, Connection] = {}
        self._any = asyncio.Event()

    def __len__(self) -> int:
        """How many there are."""
        self._forget_gone()
        return len(self._all)

    def take(self, sock: socket.socket) -> Connection | None:
        """A place for a connection that was just accepted; None when there is none to be had."""
        self._forget_gone()
        group = _group(sock)
        neighbours = [one for one in self._all if one.group == group] if group else []
        if len(neighbours) >= self._max_per_address:
            free = self._displace(neighbours)
        else:
            free = len(self._all) < limits.MAX_CONNECTIONS or self._displace(self._all)
        if not free:
            return None
        connection = Connection(sock, group)
        self._all.append(connection)
        self._any.set()
        return connection

    def make_room_for_body(self, of: Connection) -> None:
        """Cut others until all bodies that are still coming fit into memory, with this one."""
        self._forget_gone()
        while sum(one.n_body for one in self._all) > limits.MAX_BODIES_BYTES:
            if not self._displace([one for one in self._all if one.n_body and one is not of]):
                return

    def opened(self, protocol: asyncio.BaseProtocol, connection: Connection) -> None:
        """From now on `protocol` speaks for it."""
        self._of[protocol] = connection

    def of(self, protocol: asyncio.BaseProtocol) -> Connection:
        """Raises: ConnectionResetError when it is gone."""
        try:
            return self._of[protocol]
        except KeyError:
            raise ConnectionResetError("the client has left") from None

    async def watch(self) -> None:
        """End overdue connections until cancelled."""
        while True:
            await self._any.wait()
            await asyncio.sleep(SWEEP_S)
            self._forget_gone()
            now = asyncio.get_running_loop().time()
            for connection in self._all:
                if connection.is_overdue(now):
                    connection.cut()

    def _displace(self, among: Collection[Connection]) -> bool:
        now = asyncio.get_running_loop().time()
        yielding = [one for one in among if one.yields(now)]
        if not yielding:
            return False
        longest = min(yielding, key=lambda one: one.since)
        longest.cut()
        self._forget_gone()
        return True

    def _forget_gone(self) -> None:
        self._all = [one for one in self._all if not one.gone]
        if len(self._of) > len(self._all):
            self._of = {protocol: one for protocol, one in self._of.items() if not one.gone}
        if not self._all:
            self._any.clear()


CONNECTIONS = web.AppKey("connections", Connections)
CONNECTION = web.RequestKey("connection", Connection)


@web.middleware
async def placed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note whose turn it is: the server's, from the head of the request to the end of the answer."""
    connection = request.app[CONNECTIONS].of(request.protocol)
    request[CONNECTION] = connection
    connection.owe(None)
    try:
        return await handler(request)
    finally:
        connection.owe("request")


def _group(sock: socket.socket) -> str:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return ""
    try:
        return group_of(sock.getpeername()[0])
    except OSError:
        return ""  # it has left already


def group_of(peer: str) -> str:
    """With whom a client shares its places: an IPv4 address, an IPv6 network, or `` for this computer."""
    address = ip_address(peer.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return ""
    return str(address) if address.version == 4 else f"{int(address) >> NETWORK_BITS:016x}"
