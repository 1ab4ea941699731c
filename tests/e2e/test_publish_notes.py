"""The page that `lmfile publish-notes` writes: its lines bring a real executable from a real server and start it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.conftest import BUILDER, PROJECT
from tests.running import run
from tests.serving import serving

NAME = "my assistant; it's"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def shop(tmp_path: Path, tiny: Path) -> Iterator[tuple[Path, str]]:
    """A folder with the executable under an awkward name, and its address."""
    folder = tmp_path / "shop"
    folder.mkdir()
    shutil.copy(tiny, folder / NAME)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_lines_bring_it_and_start_it(shop: tuple[Path, str], tmp_path: Path, env: dict[str, str]) -> None:
    folder, address = shop
    page = notes(folder / NAME, address)
    home = tmp_path / "home"
    home.mkdir()
    script = blocks(page)[0].rstrip("\n") + " --version"
    done = run(["sh", "-c", script], env=env, cwd=home)
    assert done.status == 0, done
    assert "tiny" in done.out
    assert (home / NAME).read_bytes() == (folder / NAME).read_bytes()
    with (folder / NAME).open("ab") as file:
        file.write(b"damage")
    done = run(["sh", "-c", script], env=env, cwd=home)
    assert done.status != 0
    assert "engine:" not in done.out


def test_the_request_is_answered(shop: tuple[Path, str], env: dict[str, str]) -> None:
    folder, address = shop
    _, start, ask = blocks(notes(folder / NAME, address))[:3]
    assert start.strip().endswith("--server --nobrowser")
    with serving(folder / NAME, env=env) as server:
        server.wait_ready()
        line = ask.replace("http://127.0.0.1:8080", server.url)
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=True)
    assert '"choices"' in done.stdout


def notes(file: Path, address: str) -> str:
    command = ["-m", "bundler", "publish-notes", str(file), "--url", address]
    done = run([sys.executable, *command], env=BUILDER, cwd=PROJECT)
    assert done.status == 0, done
    return done.out


def blocks(page: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
