"""Downloads that are killed at random moments: no damaged file has its name, and what came is not asked for again."""

import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.hub_server import Hub, Repo, Trouble, hub, sha256

PROJECT = Path(__file__).resolve().parent.parent.parent
SHARDS = 3
SHARD = hashlib.sha256(b"a shard").digest() * 49_152  # 1.5 MB
PACE_S = 0.01  # before each 64 KiB: a shard takes 0.3 s
LATEST_KILL_S = 0.3
LIMIT_S = 60.0
SEED = 11
ROUND_KILLS = 5
"""So many runs are killed before one may end; then everything begins anew."""
NAME = "big-Q8_0"

PROGRAM = """
import sys
from bundler.sources import address, hub
text, sha256 = sys.argv[1:]
located = hub.locate(text) if text.startswith("hf:") else address.locate(text, sha256)
print("located", flush=True)
print(located.fetch(lambda *_: None), flush=True)
"""


@dataclass
class Downloads:
    """How many runs were killed, how many of them with some bytes here and more to come, and what must not be."""

    killed: int = 0
    under_way: int = 0
    finished: int = 0
    continued: int = 0
    wrong: list[str] = field(default_factory=list)


def kill_repeatedly(kills: int) -> Downloads:
    """Kill `kills` downloads, by turns from a hub and from an address; each one is finished at last."""
    moments, result = random.Random(SEED), Downloads()
    with hub() as server:
        shards = {
            f"{NAME}-{number:05d}-of-{SHARDS:05d}.gguf": SHARD + bytes([number]) for number in range(1, SHARDS + 1)
        }
        server.add("org/big", Repo(shards))
        server.plain["whole.gguf"] = SHARD * SHARDS
        for path in (*shards, "whole.gguf"):
            server.always[path] = Trouble(pace_s=PACE_S)
        while result.killed < kills:
            for text in ("hf:org/big", f"{server.storage}/plain/whole.gguf"):
                with tempfile.TemporaryDirectory() as folder:
                    count = min(ROUND_KILLS, max(1, kills - result.killed))
                    _round(
                        server, text, Path(folder), [moments.uniform(0, LATEST_KILL_S) for _ in range(count)], result
                    )
    return result


def _round(server: Hub, text: str, folder: Path, kill_after_s: list[float], result: Downloads) -> None:
    for after_s in kill_after_s:
        before = _partial_bytes(folder)
        server.forget()
        with _program(server, text, folder) as program:
            if program.stdout and program.stdout.readline() != b"located\n":
                result.wrong.append("it did not locate the file")
            time.sleep(after_s)
            program.kill()
        result.killed += 1
        result.under_way += bool(_partial_bytes(folder))
        _check(server, folder, before, result)
    before = _partial_bytes(folder)
    server.forget()
    with _program(server, text, folder) as program:
        out, _ = program.communicate(timeout=LIMIT_S)
    path = Path(out.decode().strip().rpartition("\n")[2])
    if program.returncode or not path.is_file():
        result.wrong.append(f"the last run ended with {program.returncode}")
        return
    result.finished += 1
    _check(server, folder, before, result)
    if left := _partial_bytes(folder):
        result.wrong.append(f"partial files are left: {left}")
    if len(_final(folder)) != (SHARDS if text.startswith("hf:") else 1):
        result.wrong.append(f"there are {len(_final(folder))} files")


def _check(server: Hub, folder: Path, before: dict[str, int], result: Downloads) -> None:
    """Every file that has its name is whole, and what was here has not been asked for."""
    for path in _final(folder):
        data = path.read_bytes()
        if data != SHARD * SHARDS and not (data[:-1] == SHARD and 0 < data[-1] <= SHARDS):
            result.wrong.append(f"{path.name} is damaged")
    for method, path, headers in server.asked:
        name = path.partition("?")[0].rpartition("/")[2]
        if method != "GET" or not path.startswith(("/lfs/", "/plain/")) or f"{name}.partial" not in before:
            continue
        if headers.get("range") == f"bytes={before[f'{name}.partial']}-":
            result.continued += 1
        else:
            result.wrong.append(f"{name} was asked for with {headers.get('range')}, and {before} was here")
        before.pop(f"{name}.partial")


@contextmanager
def _program(server: Hub, text: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    env = {
        "PATH": os.defpath,
        "HF_ENDPOINT": server.endpoint,
        "HF_HOME": str(folder),
        "LMFILE_CACHE": str(folder / "ours"),
    }
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, text, sha256(SHARD * SHARDS)], cwd=PROJECT, env=env, stdout=subprocess.PIPE
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate(timeout=LIMIT_S)


def _partial_bytes(folder: Path) -> dict[str, int]:
    found = {path.name: path.stat().st_size for path in folder.rglob("*.partial")}
    return {name: size for name, size in found.items() if size}


def _final(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix == ".gguf"]
