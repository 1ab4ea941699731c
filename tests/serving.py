"""Talks to a server that a test has started: waits for it, asks it, reads its streams."""

import http.client
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.running import WAIT_S, Command, Running, started

ADDRESS = re.compile(r"^listening on (http://\S+:(\d+))$", re.MULTILINE)


@dataclass(frozen=True)
class Server:
    """A server that listens at `url`."""

    running: Running
    url: str
    port: int

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        with self._asked("GET", path) as response:
            return response.status, response.read()

    def ask(self, path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        """Status and body."""
        with self._asked("POST", path, body) as response:
            return response.status, response.read()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON of a good answer."""
        status, answer = self.ask(path, body)
        assert status == 200, answer
        return json.loads(answer)

    def stream(self, path: str, body: Mapping[str, Any]) -> Iterator[Any]:
        """The JSON of each event of a stream, as it comes."""
        with self._asked("POST", path, {**body, "stream": True}) as response:
            assert response.status == 200, response.read()
            for line in response:
                name, _, data = line.decode().strip().partition(": ")
                if name in ("data", "error") and data != "[DONE]":
                    yield json.loads(data)

    def is_ready(self) -> bool:
        """Whether the model is loaded."""
        try:
            return self.get("/health")[0] == 200
        except OSError:
            return False

    def wait_ready(self) -> None:
        """Wait until the model is loaded."""
        self.running.until(self.is_ready)

    @contextmanager
    def _asked(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            data = None if body is None else json.dumps(body)
            # At `/` a program gets other words than a browser.
            connection.request(method, path, data, {"Content-Type": "application/json", "Accept": "text/html, */*"})
            yield connection.getresponse()
        finally:
            connection.close()


@contextmanager
def serving(
    executable: Path, *arguments: str, env: Mapping[str, str], prefix: Command = (), mode: Sequence[str] = ("--server",)
) -> Iterator[Server]:
    """Start `executable` as a server on a free port, and wait until its model is loaded."""
    with started([*prefix, executable, *mode, "--port", "0", *arguments], env=env) as running:
        server = address(running)
        server.wait_ready()
        yield server


def address(running: Running) -> Server:
    """Wait until `running` says where it listens."""
    found = running.until(lambda: ADDRESS.search(running.err()))
    return Server(running, found[1], int(found[2]))


def listens(port: int) -> bool:
    """Whether somebody listens on this port of the loopback address."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                return True
    return False
