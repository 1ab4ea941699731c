"""The ways to start an executable: as a server, from a desktop with or without a browser, as a chat in the terminal."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.questions import CALM, SEEN
from tests.running import eventually, run, sentence, started
from tests.serving import Server, address, listens, serving
from tests.terminal import Terminal

MESSAGES = [{"role": "user", "content": "What do you see?"}]


def fake_browser(folder: Path) -> tuple[dict[str, str], Path]:
    """Variables of a desktop whose browser notes each address in a file, beside it its process; -> and that file."""
    folder.mkdir()
    opened = folder / "opened"
    opener = folder / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho $$ > {opened}.pid\necho "$@" >> {opened}\nexec sleep 600\n')
    opener.chmod(0o755)
    return {"DISPLAY": ":77", "PATH": f"{folder}:{os.defpath}"}, opened


def test_it_serves_the_page_and_answers(server: Server) -> None:
    status, page = server.get("/")
    assert status == 200
    assert b"<!doctype html>" in page.lower()
    for name in re.findall(rb'(?:src|href)="([^":]+\.(?:js|css|svg))"', page):
        assert server.get("/" + name.decode().removeprefix("/"))[0] == 200, name
    answer = server.post("/v1/chat/completions", {"messages": MESSAGES, "max_tokens": 8, "temperature": 0})
    assert answer["choices"][0]["message"]["content"]


def test_it_says_on_one_line_what_it_runs_on(server: Server) -> None:
    assert eventually(lambda: len(server.running.err().splitlines()) == 2)
    listening, report = server.running.err().splitlines()
    assert listening == f"listening on {server.url}"
    for word in ("CPU (", "threads", "context", "memory", "CUDA: ", "Vulkan: "):
        assert word in report, report
    props = json.loads(server.get("/props")[1])
    assert "CUDA" in json.dumps(props), "the report is in /props, too"


def test_flags_of_llama_server_reach_the_engine(tiny: Path, env: dict[str, str]) -> None:
    with serving(tiny, "-c", "512", "-t", "1", "-ngl", "99", "--alias", "painter", env=env) as server:
        assert json.loads(server.get("/props")[1])["default_generation_settings"]["n_ctx"] == 512
        assert json.loads(server.get("/v1/models")[1])["data"][0]["id"] == "painter"
        assert eventually(lambda: "context 512" in server.running.err())
        assert "1 threads" in server.running.err()


def test_the_default_is_port_8080_of_this_computer_only(tiny: Path, env: dict[str, str]) -> None:
    # 8080 may be taken by somebody else here: then it is one of the next, where nobody has asked for a port
    with started([tiny, "--nobrowser"], env=env) as running:
        server = address(running)
        assert 8080 <= server.port <= 8100
        assert server.url.startswith("http://127.0.0.1:")
        connections = Path("/proc/net/tcp").read_text()
        assert f"0100007F:{server.port:04X} 00000000:0000 0A" in connections
        assert f"00000000:{server.port:04X} 00000000:0000 0A" not in connections


def test_a_server_serves_again_after_another_on_the_same_port(tiny: Path, env: dict[str, str]) -> None:
    with serving(tiny, env=env) as first:
        port = first.port
        first.running.send(signal.SIGTERM)
        assert first.running.wait().status == 0
    for _ in range(3):
        with started([tiny, "--server", "--port", str(port)], env=env) as running:
            assert address(running).get("/")[0] == 200
            running.send(signal.SIGTERM)
            assert running.wait().status == 0


def test_the_first_request_after_the_line_is_answered(tiny: Path, env: dict[str, str]) -> None:
    for _ in range(5):
        with started([tiny, "--server", "--port", "0"], env=env) as running:
            assert address(running).get("/health")[0] in (200, 503)


def test_the_default_without_terminal_display_or_browser(tiny: Path, env: dict[str, str]) -> None:
    with serving(tiny, env=env, mode=()) as server:
        assert f"open {server.url} in a browser" in server.running.err()
        assert server.get("/")[0] == 200
        server.running.send(signal.SIGTERM)
        assert server.running.wait().status == 0


def test_the_default_opens_the_browser_once(tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    desktop, opened = fake_browser(tmp_path / "desktop")
    with serving(tiny, env=env | desktop, mode=()) as server:
        assert eventually(opened.exists)
        assert eventually(lambda: opened.read_text() == f"{server.url}\n")
        server.running.send(signal.SIGTERM)
        assert server.running.wait().status == 0
        # the browser is the user's: it stays open, and is asked nothing more
        assert opened.read_text() == f"{server.url}\n"
        os.kill(int(opened.with_name("opened.pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("mode", [["--nobrowser"], ["--server"], ["--server", "--nobrowser"]], ids=" ".join)
def test_no_browser_is_opened_unless_wanted(mode: list[str], tiny: Path, env: dict[str, str], tmp_path: Path) -> None:
    desktop, opened = fake_browser(tmp_path / "desktop")
    with serving(tiny, "-t", "1", env=env | desktop, mode=mode) as server:
        server.post("/v1/chat/completions", {"messages": MESSAGES})
        assert not opened.exists()


def test_chat_in_a_pipe(tiny: Path, env: dict[str, str]) -> None:
    done = run([tiny, "--chat", *CALM], env=env, stdin="What do you see?\n\nAnd now?\n")
    assert (done.status, done.err) == (0, "")
    assert done.out == SEEN * 2


def test_chat_remembers_the_conversation(executable: Path, env: dict[str, str]) -> None:
    questions = "My name is Zebulon. Say hello.\nWhat is my name? Answer in one word.\n"
    done = run([executable, "--chat", *CALM, "-n", "40"], env=env, stdin=questions)
    assert done.status == 0
    assert "Zebulon" in done.out.splitlines()[-1]
    forgotten = run([executable, "--chat", *CALM, "-n", "40"], env=env, stdin=questions.replace("\n", "\n/reset\n", 1))
    assert "Zebulon" not in forgotten.out.splitlines()[-1]


def test_chat_keeps_to_a_schema_and_saves(executable: Path, env: dict[str, str], tmp_path: Path) -> None:
    schema = '{"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"]}'
    path = tmp_path / "chat.json"
    commands = [f"/json {schema}", "Paris, as JSON.", "/json off", f"/save {path}", "/stats", "/undo", f"/load {path}"]
    done = run([executable, "--chat", *CALM, "-n", "60"], env=env, stdin="\n".join([*commands, "/model", "/adapter"]))
    assert (done.status, list(json.loads(done.out))) == (0, ["city"]), done
    for said in ("Saved 2 turns", "Dropped: Paris, as JSON.", "Loaded 2 turns", "tokens/s", "* smollm2", "no adapters"):
        assert said in done.err
    assert path.read_text().startswith('{"format": "lmfile-conversations", "version": 1')


def test_chat_in_a_pipe_ends_with_the_code_of_what_failed(tiny: Path, env: dict[str, str]) -> None:
    done = run([tiny, "--chat", *CALM], env=env, stdin='/json {"type": "nope"}\nHi\n/json off\nHi\n/image cat.png\n')
    assert (done.status, done.out) == (10, SEEN)
    assert "nope" in done.err and "reads text only" in done.err


def test_chat_on_a_terminal(tiny: Path, env: dict[str, str]) -> None:
    with Terminal([tiny, "--chat", *CALM], env=env | {"TERM": "xterm"}) as terminal:
        terminal.expect("> ")
        terminal.type("What do you see?\r")
        terminal.expect(SEEN.strip())
        terminal.expect("> ")
        terminal.type("/help\r")
        terminal.expect("/reset")
        terminal.expect("> ")
        terminal.type("\x04")
        assert terminal.status() == 0


def test_interrupting_an_answer_on_a_terminal_keeps_the_chat(executable: Path, env: dict[str, str]) -> None:
    with Terminal([executable, "--chat", *CALM], env=env | {"TERM": "xterm", "NO_COLOR": "1"}) as terminal:
        terminal.expect("> ")
        terminal.type("Write a very long story about a ship.\r")
        terminal.expect("ship", after="\x1b[?2004l")
        terminal.type("\x03")
        terminal.expect("(stopped)")
        terminal.expect("> ")
        terminal.type("/quit\r")
        assert terminal.status() == 0


def test_an_open_address_needs_a_key(tiny: Path, env: dict[str, str]) -> None:
    said = sentence(run([tiny, "--server", "--host", "0.0.0.0", "--port", "0"], env=env), 11)
    assert "--api-key-file" in said
    with started([tiny, "--server", "--host", "0.0.0.0", "--port", "0", "--api-key", "sesame"], env=env) as running:
        assert listens(address(running).port)
