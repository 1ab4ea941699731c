"""One POST to a collector, over a connection of its own: all that is needed of an HTTP client; the image has none."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runtime.server.traces.settings import TraceSettings

if TYPE_CHECKING:
    import ssl

LIMIT_S = 10.0
MAX_ANSWER_BYTES = 64 << 10
AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
"""Where systems keep them; an OpenSSL that was built elsewhere looks elsewhere."""


class Refused(Exception):
    """The collector answered with another status than 200; `again` if it may want the batch later."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answered with status {status}")
        self.again = status in (429, 502, 503, 504)


async def post(settings: TraceSettings, body: bytes) -> None:
    """Send a batch. Raises: Refused; OSError, TimeoutError when the collector cannot be reached in time."""
    async with asyncio.timeout(LIMIT_S):
        status = await _exchange(settings, body)
    if not 200 <= status < 300:
        raise Refused(status)


async def _exchange(settings: TraceSettings, body: bytes) -> int:
    parts = urlsplit(settings.url)
    context = _context(settings) if settings.is_encrypted else None
    port = parts.port or (443 if context else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context, limit=MAX_ANSWER_BYTES)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        writer.write(_head(parts.netloc.rpartition("@")[2], target, settings.headers, len(body)) + body)
        await writer.drain()
        line = await reader.readline()
        await reader.read(MAX_ANSWER_BYTES)
    except ValueError as error:
        raise ConnectionError("it answered with a line that is too long") from error
    finally:
        writer.close()
    _, _, rest = line.decode("latin-1").partition(" ")
    if not line.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ConnectionError("it does not speak HTTP")
    return int(rest[:3])


def _head(host: str, target: str, headers: Iterable[tuple[str, str]], n_bytes: int) -> bytes:
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {n_bytes}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def _context(settings: TraceSettings) -> "ssl.SSLContext":
    import ssl  # takes 10 ms, and a server that speaks no TLS runs without

    context = ssl.create_default_context(cafile=settings.certificate or None)
    for file in AUTHORITIES:
        if context.cert_store_stats()["x509_ca"]:
            break
        try:
            context.load_verify_locations(cafile=file)
        except OSError:
            continue
    return context
