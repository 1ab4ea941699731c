"""Takes the port before the model is loaded, so that a busy one costs nobody a minute."""

import os
import socket
from typing import NamedTuple

from runtime.cli.flags import DEFAULTS, Options
from runtime.errors import PortInUse
from runtime.server.key_sources import gather_keys
from runtime.server.sockets import listen, url

NEXT_PORTS = 20
"""How many ports a double click tries when 8080 is busy: nobody is there to choose one."""


class Port(NamedTuple):
    """Listening sockets, the address a browser opens, and the API keys that protect it."""

    sockets: list[socket.socket]
    url: str
    keys: tuple[str, ...]


def open_port(options: Options) -> Port:
    """Listen as the command line says.

    Raises: UsageError for an unusable key file, ExposedWithoutKey, PortInUse, CannotListen.
    """
    keys = gather_keys(options.api_key, options.api_key_file, os.environ)
    sockets = _listen(options, has_key=bool(keys))
    return Port(sockets, url(options.host, sockets), keys)


def _listen(options: Options, *, has_key: bool) -> list[socket.socket]:
    last = options.port
    if not options.server and options.port == DEFAULTS["port"]:
        last += NEXT_PORTS
    for port in range(options.port, last):
        try:
            return listen(options.host, port, has_key=has_key)
        except PortInUse:
            continue
    return listen(options.host, last, has_key=has_key)
