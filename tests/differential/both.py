"""Our executable and llama-server of the same source, side by side with the same model."""

import http.client
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.servers import running
from tests.differential.outline import Outline, outline
from tests.differential.requests import Asked
from tests.serving import serving

LIMIT_S = 60
HEADERS = {"Content-Type": "application/json"}
LONG_ANSWER = {"prompt": "Once", "n_predict": 2000, "ignore_eos": True, "stream": True}
SETTINGS = ("-t", "1", "-c", "8192", "-np", "4")


@dataclass(frozen=True)
class Both:
    """The ports of our server, and of theirs for text and for vectors."""

    ours: int
    text: int
    vectors: int

    def ask(self, asked: Asked) -> tuple[Outline, Outline]:
        """Our answer and theirs, which are asked at the same time."""
        with ThreadPoolExecutor(1) as other:
            theirs = other.submit(_ask, self.vectors if asked.vectors else self.text, asked)
            return _ask(self.ours, asked), theirs.result()


@contextmanager
def started(executable: Path, env: Mapping[str, str], llama_server: Path, model: Path, folder: Path) -> Iterator[Both]:
    """Start all, and wait until they answer. folder: for the slots that they save."""
    theirs = [llama_server, "-m", model, *SETTINGS, "--no-ui", "--slots", "--props", "--metrics", "--jinja"]
    with ExitStack() as stack:
        saving = [*theirs, "--slot-save-path", f"{_made(folder / 'theirs')}/"]
        text = stack.enter_context(running("llama-server", saving, env=os.environ))
        vectors = stack.enter_context(
            running("llama-server", [*theirs, "--embeddings", "--pooling", "mean"], env=os.environ)
        )
        options = (*SETTINGS, "--pooling", "mean", "--slot-save-path", str(_made(folder / "ours")))
        ours = stack.enter_context(serving(executable, *options, env=env))
        for port in (text.port, vectors.port):
            ours.running.until(lambda port=port: _is_ready(port))
        yield Both(ours.port, text.port, vectors.port)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _is_ready(port: int) -> bool:
    try:
        return _send(port, Asked("", "GET", "/health")).status == 200
    except OSError:
        return False


def _ask(port: int, asked: Asked) -> Outline:
    if not asked.busy:
        return _send(port, asked)
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)) as writing:
        writing.request("POST", "/completion", json.dumps(LONG_ANSWER), HEADERS)
        writing.getresponse().readline()
        return _send(port, asked)


def _send(port: int, asked: Asked) -> Outline:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)) as connection:
        body = asked.body if isinstance(asked.body, bytes | None) else json.dumps(asked.body).encode()
        connection.request(asked.method, asked.path, body, HEADERS)
        answer = connection.getresponse()
        return outline(answer.status, answer.getheader("Content-Type", ""), answer.read())
