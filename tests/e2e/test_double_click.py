"""A double click's life: one program for many, found by those that come later, ended by its last page or by Quit."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.running import Done, eventually, started
from tests.serving import Server, address

SOON = ("--quit-after", "0.02")
LISTENING = re.compile(r"^listening on (\S+)$", re.MULTILINE)
ALREADY = "already running: "
MANY = 10


@pytest.fixture
def desktop(env: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """A desktop whose browser notes each address that it is asked to show; what killed programs left is removed."""
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/opened\n')
    opener.chmod(0o755)
    yield env | {"DISPLAY": ":77", "PATH": f"{tmp_path}:{os.defpath}"}
    for record in records(env):
        record.unlink()


def opened(folder: Path) -> list[str]:
    """What the browser was asked to show."""
    notes = folder / "opened"
    return notes.read_text().split() if notes.exists() else []


def records(env: dict[str, str]) -> list[Path]:
    """What running double clicks have written down."""
    folder = Path(env["LMFILE_CACHE"]) / "running"
    return sorted(folder.iterdir()) if folder.exists() else []


@contextmanager
def clicked(executable: Path, *arguments: str, env: dict[str, str]) -> Iterator[Server]:
    """A double click; the server listens."""
    with started([executable, *arguments], env=env) as running:
        yield address(running)


def click_again(executable: Path, *arguments: str, env: dict[str, str]) -> Done:
    """Another double click, which is to end by itself."""
    with started([executable, *arguments], env=env) as running:
        return running.wait()


def terminated(server: Server) -> Done:
    server.running.send(signal.SIGTERM)
    return server.running.wait()


def test_the_browser_is_opened_before_the_model_is_there(
    executable: Path, desktop: dict[str, str], tmp_path: Path
) -> None:
    with clicked(executable, env=desktop) as server:
        assert server.running.until(lambda: opened(tmp_path)) == [server.url]
        seen = []
        while not server.is_ready():
            health = json.loads(server.get("/health")[1])
            seen.append(health["models"][0].get("progress"))
        assert server.get("/assistant")[0] == 200
        numbers = [number for number in seen if number is not None]
        assert numbers == sorted(numbers)
        assert all(0 <= number <= 1 for number in numbers)


def test_a_second_click_shows_the_first_one(tiny: Path, desktop: dict[str, str], tmp_path: Path) -> None:
    with clicked(tiny, env=desktop) as first:
        second = click_again(tiny, env=desktop)
        assert (second.status, second.out) == (0, "")
        assert f"{ALREADY}{first.url}" in second.err
        assert eventually(lambda: opened(tmp_path) == [first.url] * 2)
        assert {oct(file.stat().st_mode & 0o777) for file in records(desktop)} == {"0o600"}
        assert terminated(first).status == 0
    assert records(desktop) == []


@pytest.mark.parametrize(
    "arguments",
    [("--api-prefix", "/deep/down"), ("--api-key", "sesame"), ("--host", "localhost"), ("--host", "127.0.0.1,::1")],
    ids=" ".join,
)
def test_however_it_listens(arguments: tuple[str, ...], tiny: Path, desktop: dict[str, str]) -> None:
    found_again(tiny, *arguments, env=desktop)


def test_with_a_certificate(tiny: Path, desktop: dict[str, str], tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=elsewhere", "-keyout", tmp_path / "key", "-out", tmp_path / "certificate"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    arguments = ("--ssl-cert-file", str(tmp_path / "certificate"), "--ssl-key-file", str(tmp_path / "key"))
    assert found_again(tiny, *arguments, env=desktop).startswith("https://127.0.0.1:")


def found_again(executable: Path, *arguments: str, env: dict[str, str]) -> str:
    """Click twice; -> the address that both say."""
    with started([executable, *arguments], env=env) as first:
        said = first.until(lambda: LISTENING.search(first.err()))
        second = click_again(executable, *arguments, env=env)
        assert (second.status, second.err.splitlines()[0]) == (0, f"{ALREADY}{said[1]}")
    return said[1]


def test_other_flags_another_file_and_a_named_port_mean_another_program(
    tiny: Path, desktop: dict[str, str], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(tiny.read_bytes())
    copy.chmod(0o755)
    with ExitStack() as stack:
        starts = [(tiny,), (tiny, "--temp", "0"), (copy,), (tiny, "--port", "0"), (tiny, "--nobrowser")]
        servers = [stack.enter_context(clicked(*start, env=desktop)) for start in starts]
        assert len({server.port for server in servers}) == len(starts)


def test_ten_clicks_at_once_are_one_program(tiny: Path, desktop: dict[str, str], tmp_path: Path) -> None:
    with ExitStack() as stack:
        many = [stack.enter_context(started([tiny], env=desktop)) for _ in range(MANY)]
        assert eventually(lambda: sum(one.ended for one in many) == MANY - 1, 60)
        (server,) = [address(one) for one in many if not one.ended]
        done = [one.wait() for one in many if one.ended]
        assert [one.status for one in done] == [0] * (MANY - 1)
        assert all(f"{ALREADY}{server.url}" in one.err for one in done)
        assert eventually(lambda: opened(tmp_path) == [server.url] * MANY)
        assert terminated(server).status == 0


def test_what_a_killed_one_left_is_no_obstacle(tiny: Path, desktop: dict[str, str]) -> None:
    with clicked(tiny, env=desktop) as first:
        first.running.send(signal.SIGKILL)
        first.running.wait()
        assert len(records(desktop)) == 2
        with clicked(tiny, env=desktop) as second:
            assert f"{ALREADY}{second.url}" in click_again(tiny, env=desktop).err
            assert terminated(second).status == 0
    assert records(desktop) == []


def test_one_that_does_not_answer_is_not_waited_for_without_end(tiny: Path, desktop: dict[str, str]) -> None:
    with clicked(tiny, env=desktop) as first:
        first.running.send(signal.SIGSTOP)
        with clicked(tiny, env=desktop) as second:
            assert second.port != first.port
            assert terminated(second).status == 0
        first.running.send(signal.SIGCONT)
        assert f"{ALREADY}{first.url}" in click_again(tiny, env=desktop).err, "the first one is still the first"


def test_where_nothing_can_be_written_each_click_serves(tiny: Path, desktop: dict[str, str]) -> None:
    folder = Path(desktop["LMFILE_CACHE"]) / "running"
    if folder.exists():
        folder.rmdir()
    folder.write_text("in the way")
    try:
        with clicked(tiny, env=desktop) as first, clicked(tiny, env=desktop) as second:
            assert first.port != second.port
    finally:
        folder.unlink()


def test_it_ends_after_its_last_page(tiny: Path, desktop: dict[str, str]) -> None:
    with clicked(tiny, *SOON, env=desktop) as server:
        server.wait_ready()
        time.sleep(3)  # nobody has opened a page yet
        server.post("/presence", {"page": "a"})
        time.sleep(3)  # and now one is open
        assert not server.running.ended
        server.post("/presence", {"page": "a", "left": True})
        done = server.running.wait()
    assert done.status == 0
    assert "No page has been open for 0.02 minutes: ended. Start it again to go on.\n" in done.err


def test_quit(tiny: Path, desktop: dict[str, str]) -> None:
    with clicked(tiny, env=desktop) as server:
        assert server.post("/quit", {}) == {"ending": True}
        done = server.running.wait()
        assert eventually(lambda: not server.running.family())
    assert done.status == 0
    assert "Quit was pressed: ended.\n" in done.err
    assert records(desktop) == []


def test_quit_while_the_model_is_loaded(executable: Path, desktop: dict[str, str]) -> None:
    with clicked(executable, env=desktop) as server:
        server.post("/quit", {})
        assert server.running.wait().status == 0


@pytest.mark.parametrize("mode", ["--server", "--nobrowser"])
def test_no_page_ends_a_server(mode: str, tiny: Path, desktop: dict[str, str]) -> None:
    with clicked(tiny, mode, "--port", "0", env=desktop) as server:
        assert server.ask("/quit", {})[0] == server.ask("/presence", {"page": "a"})[0] == 404


def test_without_anything(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    """No environment but the cache, no terminal, no display, no browser, no open stream."""
    log = tmp_path / "log"
    command = ["/bin/sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', tiny, "--log-file", log]
    with started(command, env={"LMFILE_CACHE": env["LMFILE_CACHE"]}) as running:
        said = running.until(lambda: log.exists() and log.read_text())
        found = re.search(r"listening on http://127.0.0.1:(\d+)", said)
        assert found, said
        server = Server(running, "", int(found[1]))
        server.wait_ready()
        running.send(signal.SIGTERM)
        assert running.wait().status == 0


def test_with_a_pipe_that_nobody_reads(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while os.write(writer, bytes(4096)):
            pass
    except BlockingIOError:
        os.set_blocking(writer, True)
    log = tmp_path / "log"
    with started([tiny, "--log-file", str(log)], env=env, stdout=writer, stderr=writer) as running:
        said = running.until(lambda: log.exists() and log.read_text())
        assert "listening on http://127.0.0.1:" in said
        running.send(signal.SIGTERM)
        assert running.wait().status == 0
    os.close(reader)
    os.close(writer)
