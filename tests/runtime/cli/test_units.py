"""docs/systemd: what the units say is what the program understands."""

import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from runtime.cli.parse import parse
from runtime.server.sockets import BACKLOG

FOLDER = Path(__file__).parents[3] / "docs" / "systemd"


def unit(name: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None, comment_prefixes=("#",), inline_comment_prefixes=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(FOLDER / name)
    return parser


def test_the_service_starts_a_server_that_notifies() -> None:
    service = unit("lmfile.service")["Service"]
    _, *arguments = shlex.split(service["ExecStart"])
    options, warnings = parse(arguments)
    assert (options.server, warnings) == (True, [])
    assert service["Type"] == "notify"
    assert service["Environment"] == f"LMFILE_CACHE=/var/cache/{service['CacheDirectory']}"


def test_the_socket_is_this_computers() -> None:
    socket = unit("lmfile.socket")["Socket"]
    assert socket["ListenStream"] == "127.0.0.1:8080"
    assert int(socket["Backlog"]) == BACKLOG


if shutil.which("systemd-analyze"):

    @pytest.mark.parametrize("name", ["lmfile.service", "lmfile.socket"])
    def test_systemd_understands_them(name: str) -> None:
        done = subprocess.run(
            ["systemd-analyze", "verify", str(FOLDER / name)], capture_output=True, text=True, timeout=60, check=False
        )
        complaints = [line for line in done.stderr.splitlines() if name in line and "not executable" not in line]
        assert complaints == []
