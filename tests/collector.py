"""A collector of OpenTelemetry's traces, as far as a test needs one: it takes OTLP's JSON and keeps it."""

import http.server
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WAIT_S = 10


class Collector(http.server.ThreadingHTTPServer):
    """A collector that answers with `status` and keeps what it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.got: queue.Queue[tuple[str, dict[str, str], Any]] = queue.Queue()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[dict[str, Any]]:
        """The spans of the next batch."""
        path, headers, body = self.got.get(timeout=WAIT_S)
        assert path == "/v1/traces"
        assert headers["content-type"] == "application/json"
        (resource,) = body["resourceSpans"]
        (scope,) = resource["scopeSpans"]
        assert scope["scope"]["name"] == "lmfile"
        spans: list[dict[str, Any]] = scope["spans"]
        return spans


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.put((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector."""
    running = Collector()
    try:
        yield running
    finally:
        running.shutdown()
        running.server_close()
