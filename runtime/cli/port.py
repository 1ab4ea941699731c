"""Takes the port before the model is loaded, so that a busy one or a bad certificate costs nobody a minute."""

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runtime.cli.flags import Options
from runtime.cli.systemd import inherited_sockets
from runtime.errors import ExposedWithoutKey, PortInUse, UsageError
from runtime.server.key_sources import ENVIRONMENT, gather_keys
from runtime.server.sockets import check_exposure, listen, url
from runtime.server.tls import server_context
from runtime.server.unix_socket import paths_of

if TYPE_CHECKING:
    import ssl

NEXT_PORTS = 20
"""How many ports a double click tries when 8080, or the publisher's, is busy: nobody is there to choose one."""


class Port(NamedTuple):
    """Listening sockets, the address a browser opens, the keys and the certificate that protect it.

    paths: Unix sockets that are removed at the end. origins: whose pages may use it, too.
    """

    sockets: list[socket.socket]
    url: str
    keys: tuple[str, ...]
    tls: "ssl.SSLContext | None"
    prefix: str
    origins: tuple[str, ...]
    paths: list[Path]

    def remove_paths(self) -> None:
        """Remove what listening has left in the file system."""
        for path in self.paths:
            path.unlink(missing_ok=True)


def open_port(options: Options) -> Port:
    """Listen as the command line says, or on what systemd hands over.

    Raises: UsageError for an unusable key file, certificate, prefix or origin; ExposedWithoutKey, PortInUse,
    CannotListen.
    """
    keys = gather_keys(options.api_key, options.api_key_file, os.environ)
    os.environ.pop(ENVIRONMENT, None)  # the worker has no use for it
    tls = server_context(options.ssl_cert_file, options.ssl_key_file)
    prefix = _prefix(options.api_prefix)
    origins = _origins(options.cors_origin, has_key=bool(keys))
    sockets = inherited_sockets(os.environ)
    if sockets:
        if not keys:
            check_exposure(sockets)
        paths = []
    else:
        sockets = _listen(options, has_key=bool(keys))
        paths = paths_of(sockets)
    address = url(options.host, sockets, "https" if tls else "http", prefix)
    return Port(sockets, address, keys, tls, prefix, origins, paths)


def _listen(options: Options, *, has_key: bool) -> list[socket.socket]:
    last = options.port
    if not options.server and options.port == type(options).port:
        last += NEXT_PORTS
    for port in range(options.port, last):
        try:
            return listen(options.host, port, has_key=has_key)
        except PortInUse:
            continue
    return listen(options.host, last, has_key=has_key)


def _prefix(given: str) -> str:
    """`/x` for `/x`, `x/` and `/x/`. Raises: UsageError."""
    parts = [part for part in given.split("/") if part]
    if not all(part.replace("-", "").replace("_", "").replace(".", "").isalnum() and part.isascii() for part in parts):
        raise UsageError(f"Reading the command line: --api-prefix is `{given[:80]}`; use letters, digits, -, _ and /.")
    if any(set(part) == {"."} for part in parts):
        raise UsageError(f"Reading the command line: --api-prefix is `{given[:80]}`; leave out `.` and `..`.")
    return "".join(f"/{part}" for part in parts)


def _origins(given: str | None, *, has_key: bool) -> tuple[str, ...]:
    """What `--cors-origin` names. Raises: UsageError, ExposedWithoutKey for every page of the world without a key."""
    origins = tuple(origin.strip() for origin in (given or "").split(",") if origin.strip())
    for origin in origins:
        if origin == "*" and not has_key:
            raise ExposedWithoutKey("every web page (--cors-origin *)")
        scheme, _, rest = origin.partition("://")
        if origin not in ("*", "null") and (not scheme or not rest or set(rest) & set("/?#@ *")):
            raise UsageError(
                f"Reading the command line: --cors-origin is `{origin[:80]}`; write it as https://name or "
                f"http://name:port, without a path."
            )
    return origins
