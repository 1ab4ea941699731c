"""Runs one step in a process of its own, that may die: pip, the converter, the quantiser.

Its environment is an allow-list, its input one line of JSON on stdin. The pipe stays open: our programs end themselves
when it closes, so none outlives a builder that was killed. What it prints goes to a log, whose end is what people are
told.
"""

import json
import os
import queue
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from bundler.cmake import KEPT_VARIABLES

MAX_LOG_BYTES = 16 << 20
MAX_SENTENCE = 300
END_TIMEOUT_S = 60
_CHUNK_BYTES = 1 << 16
_LINE_END = re.compile(r"[\r\n]+")
_LABEL = re.compile(r"^(?:ERROR:[\w.-]*:|ERROR:|[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt):|error:)\s*")
_NOTICE = re.compile(r"\[notice\]|^WARNING\b|^\s*$|^[=\s]+$")


class Ended(NamedTuple):
    """How it ended. status: of the process, negative for a signal; None: it said nothing for too long and was ended."""

    status: int | None
    sentence: str

    @property
    def happened(self) -> str:
        """For people, without a full stop."""
        if self.status is None:
            return "nothing was heard of it for too long, so it was ended"
        if self.status < 0:
            return f"it died of signal {-self.status}" + (f" after `{self.sentence}`" if self.sentence else "")
        return self.sentence or f"it ended with status {self.status}"


def run(
    command: Sequence[str | Path],
    folder: Path,
    log: Path,
    silence_s: float,
    job: Mapping[str, object] | None = None,
    on_line: Callable[[str], None] = lambda _line: None,
    extra: Mapping[str, str] | None = None,
) -> Ended:
    """Run `command` in `folder` until it ends. `on_line`: sees each line, and each redrawing of a bar.

    It is killed when it is silent for `silence_s`, and with whatever is raised here, Ctrl-C included. Raises: OSError
    when it cannot be started.
    """
    words = [str(word) for word in command]
    environment = {**_environment(), **(extra or {})}
    with (
        log.open("wb") as out,
        subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _tell(process, job)
            last = _watch(process, out, silence_s, on_line)
            status = process.wait(END_TIMEOUT_S) if last is not None else None
        finally:
            process.kill()
            process.wait()
    return Ended(status, last or "")


def _tell(process: subprocess.Popen[bytes], job: Mapping[str, object] | None) -> None:
    """One line of JSON; one that has died already is found by its status."""
    if process.stdin is None:
        return
    try:
        process.stdin.write(json.dumps(job or {}).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        return


def _watch(
    process: subprocess.Popen[bytes], out: IO[bytes], silence_s: float, on_line: Callable[[str], None]
) -> str | None:
    """Log and pass on what it prints; -> its last sentence, or None where it became silent."""
    chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_pump, args=(process, chunks), daemon=True).start()
    rest, said, logged = "", "", 0
    while True:
        try:
            chunk = chunks.get(timeout=silence_s)
        except queue.Empty:
            return None
        if logged < MAX_LOG_BYTES:
            logged += out.write(chunk)
        *lines, rest = _LINE_END.split(rest + chunk.decode("utf-8", "replace"))
        if not chunk:
            lines.append(rest)
        for line in lines:
            on_line(line)
            said = _sentence(line) or said
        if not chunk:
            return said


def _pump(process: subprocess.Popen[bytes], chunks: "queue.SimpleQueue[bytes]") -> None:
    with suppress(OSError):  # the pipe is closed when the process was ended
        for chunk in _chunks(process):
            chunks.put(chunk)
    chunks.put(b"")


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    if process.stdout is None:
        return
    while chunk := os.read(process.stdout.fileno(), _CHUNK_BYTES):
        yield chunk


def _sentence(line: str) -> str:
    """What of a line can be told to people; empty where it is a notice or a rule."""
    line = line.strip()
    if _NOTICE.search(line):
        return ""
    if line.startswith("KeyError: "):
        return f"there is no {line.removeprefix('KeyError: ')}"[:MAX_SENTENCE]
    return _LABEL.sub("", line).rstrip(". ")[:MAX_SENTENCE]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | {"LC_ALL": "C", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"}
