"""The chat as a program, with a model made of arithmetic: in a pipe and in a terminal."""

import fcntl
import os
import signal
import stat
import struct
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.running import Done, command_line, eventually, has_ended, run, sentence, session, started
from tests.screens import Screen
from tests.terminal import Terminal

CHAT = [sys.executable, "-m", "tests.chatting"]
ENV = {"PATH": os.defpath, "PYTHONPATH": str(PROJECT), "NO_COLOR": "1"}
XTERM = ENV | {"TERM": "xterm"}
PROMPT = "> "
LONG = "la " * 500
ENDLESS = LONG * 40


def piped(answer: str, stdin: str, *flags: str) -> Done:
    return run([*CHAT, answer, *flags], env=ENV, cwd=PROJECT, stdin=stdin)


def in_terminal(answer: str, *flags: str, env: dict[str, str] = XTERM, columns: int = 80, lines: int = 24) -> Terminal:
    terminal = Terminal([*CHAT, answer, *flags], env=env)
    resize(terminal, columns, lines)
    return terminal


def resize(terminal: Terminal, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def modes(terminal: Terminal) -> int:
    """Whether lines are edited by the terminal, characters echoed, and signals sent."""
    return int(termios.tcgetattr(terminal.master)[3]) & (termios.ICANON | termios.ECHO | termios.ISIG)


def shown(terminal: Terminal, columns: int = 80, lines: int = 24) -> list[str]:
    screen = Screen(columns, lines)
    screen.write(terminal.screen)
    assert screen.unknown == []
    return screen.text


def worker(pid: int) -> int:
    """The process that holds the model; 0 while there is none."""
    return next((each for each in session(pid) if "--worker" in command_line(each).split("\0")), 0)


def test_a_pipe_gets_the_answers_alone() -> None:
    done = piped("Paris.", 'one\n\n"""\ntwo\nlines\n"""\n/stats\nthree \\\nand four\n')
    assert (done.status, done.out) == (0, "Paris.\n" * 3)
    assert "tokens/s" in done.err and "\x1b" not in done.err


def test_commands_of_a_pipe_and_the_first_failure_is_the_code(tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    done = piped("Paris.", f"one\n/save {path}\n/reset\n/load {path}\n/undo\n/model oth\ntwo\n/quit\nthree\n")
    assert (done.status, done.out) == (0, "Paris.\nI am the other.\n")
    assert "Dropped: one" in done.err and "other answers now" in done.err
    done = piped("Paris.", "/foo\none\n/load /nowhere\ntwo\n")
    assert (done.status, done.out) == (10, "Paris.\n" * 2)
    assert done.err.count("error: ") == 2
    done = piped("Paris.", "/model broken\nstill there?\n")
    assert (done.status, done.out) == (20, "Paris.\n") and "/nowhere.gguf" in done.err


def test_a_question_that_does_not_fit() -> None:
    done = piped("Paris.", "x" * 300 + "\nshort\n", "-c", "128")
    assert (sentence(done, 10), done.out) and done.out == "Paris.\n"
    assert "the context holds 128" in done.err


def test_an_answer_that_is_not_what_it_had_to_be() -> None:
    assert "it is no JSON" in sentence(piped('{"a": 1', "/json\none\n"), 10)
    done = piped('{"a": 1}', '/json {"required": ["b"]}\none\n/json off\ntwo\n')
    assert "`$.b` is missing" in sentence(done, 10) and done.out == '{"a": 1}\n' * 2
    assert piped('{"a": 1}', "/json\none\n").status == 0


def test_a_pipe_whose_reader_leaves() -> None:
    reader, writer = os.pipe()
    with (
        open("/dev/zero", "rb") as zeros,
        started([*CHAT, "Paris."], env=ENV, cwd=PROJECT, stdin=zeros, stdout=writer) as running,
    ):
        os.close(reader)
        os.close(writer)
        assert "shorten it" in sentence(running.wait(), 10), "what never ends is no question"
    with started(
        ["/bin/sh", "-c", 'yes hello | "$@" | head -n 2', "sh", *CHAT, "Paris."], env=ENV, cwd=PROJECT
    ) as running:
        done = running.wait()
    assert (done.status, done.out, done.err) == (0, "Paris.\n" * 2, "")


def test_an_engine_that_dies_is_told_and_replaced() -> None:
    reader, writer = os.pipe()
    with started([*CHAT, LONG], env=ENV, cwd=PROJECT, stdin=reader) as running:
        os.write(writer, b"one\n")
        running.until(running.out)
        os.kill(running.worker(), signal.SIGKILL)
        running.until(lambda: "error: " in running.err())
        begun = running.out()
        os.write(writer, b"two\n")
        os.close(writer)
        done = running.wait()
    os.close(reader)
    assert "ended by SIGKILL; ask again" in sentence(done, 42)
    assert begun.endswith("\n") and done.out == f"{begun}{LONG}\n"


def test_an_engine_that_dies_again_and_again_is_the_end() -> None:
    reader, writer = os.pipe()
    with started([*CHAT, ENDLESS, "--max-restarts", "2"], env=ENV, cwd=PROJECT, stdin=reader) as running:
        os.write(writer, b"one\ntwo\nthree\n")
        for n_errors in (1, 2):
            running.until(running.worker)
            seen = len(running.out())
            running.until(lambda seen=seen: len(running.out()) > seen)  # type: ignore[misc]
            os.kill(running.worker(), signal.SIGKILL)
            running.until(lambda n=n_errors: running.ended or running.err().count("error: ") == n)  # type: ignore[misc]
            if running.ended:
                break
        done = running.wait()
    assert done.status == 42 and "2 times within 60 seconds" in done.err
    os.close(reader)
    os.close(writer)


def test_a_terminal_shows_a_conversation() -> None:
    with in_terminal("Hello.") as terminal:
        terminal.expect("/help lists the commands", after="")
        terminal.expect(PROMPT)
        terminal.type("Hi 你好\r")
        terminal.expect("Hello.\r\n")
        terminal.expect(PROMPT)
        terminal.type("one\\\rtwo\x1b\rthree\nfour\r")
        terminal.expect("Hello.\r\n")
        terminal.type("/undo\r")
        terminal.expect("Dropped: one two three four")
        terminal.type("\x04")
        assert terminal.status() == 0
        assert shown(terminal)[1:] == [
            "> Hi 你好", "Hello.", "> one", "  two", "  three", "  four", "Hello.", "> /undo",
            "Dropped: one two three four", ">",
        ]  # fmt: skip


def test_pasted_lines_are_one_message() -> None:
    with in_terminal("Hello.") as terminal:
        terminal.expect("\x1b[?2004h")
        terminal.type("\x1b[200~one\r\ntwo\\\rthree \x1b[2J\n\x1b[201~")
        terminal.type("\r/undo\r")
        terminal.expect("Dropped: one two\\ three [2J")
        terminal.type("\x04")
        assert terminal.status() == 0


def test_keys_of_history_search_and_completion(tmp_path: Path) -> None:
    path = tmp_path / "history"
    env = XTERM | {"LMFILE_HISTORY": str(path)}
    with in_terminal("Hello.", env=env) as terminal:
        terminal.expect(PROMPT)
        terminal.type("the sea\ra ship\r the secret\r")
        for _ in range(3):
            terminal.expect("Hello.\r\n")
        terminal.type("\x1b[A\x1b[A\x1b[B!\r")
        terminal.expect("> a ship!")
        terminal.expect("Hello.")
        terminal.type("/adap\t\r")
        terminal.expect("There are no adapters")
        terminal.type("\x04")
        assert terminal.status() == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == '"the sea"\n"a ship"\n"a ship!"\n"/adapter "\n'
    with in_terminal("Hello.", env=env) as terminal:
        terminal.expect(PROMPT)
        terminal.type("\x12the\r")
        terminal.expect("> the sea")
        terminal.expect(PROMPT, after="Hello.")
        terminal.type("/sa")
        terminal.expect("> /sa")
        terminal.type("\x03")
        terminal.expect(PROMPT, after="\r\n")
        terminal.type("/s\t")
        terminal.expect(PROMPT, after="/system  /save  /stats")
        terminal.type("\x03")
        terminal.expect(PROMPT, after="\r\n")
        terminal.type("\x04")
        assert terminal.status() == 0


def test_an_empty_prompt_needs_two_interrupts() -> None:
    with in_terminal("Hello.") as terminal:
        terminal.expect(PROMPT)
        terminal.type("\x03")
        terminal.expect("Ctrl-C again, or Ctrl-D, ends the chat.")
        time.sleep(1.1)
        terminal.type("\x03")
        terminal.expect("Ctrl-C again, or Ctrl-D, ends the chat.")
        terminal.type("\x03")
        assert terminal.status() == 0


def test_an_interrupt_stops_the_answer_and_no_more() -> None:
    with in_terminal(ENDLESS) as terminal:
        before = modes(terminal)
        terminal.expect(PROMPT)
        terminal.type("Sing.\r")
        terminal.expect("la la la")
        terminal.type("\x03")
        terminal.expect("(stopped)", within_s=20)
        terminal.expect(PROMPT)
        terminal.type("/undo\r")
        terminal.expect("Dropped: Sing.")
        terminal.expect(PROMPT)
        os.kill(terminal.pid, signal.SIGINT)  # from elsewhere, at an empty prompt
        terminal.expect("Ctrl-C again")
        terminal.type("/quit\r")
        assert terminal.status() == 0
        assert modes(terminal) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("when", ["at the prompt", "during the answer"])
def test_a_signal_leaves_the_terminal_in_order(number: signal.Signals, when: str) -> None:
    with in_terminal(ENDLESS) as terminal:
        before = modes(terminal)
        terminal.expect(PROMPT)
        assert modes(terminal) != before
        terminal.type("abc" if when == "at the prompt" else "Sing.\r")
        terminal.expect("abc" if when == "at the prompt" else "la la")
        os.kill(terminal.pid, number)
        assert terminal.status() == 128 + number
        assert modes(terminal) == before
        screen = Screen()
        screen.write(terminal.screen)
        assert screen.modes == set(), "nothing of the editor is left on"
        assert eventually(lambda: not session(terminal.pid)), "a process is left"


@pytest.mark.parametrize("when", ["at the prompt", "during the answer"])
def test_stopping_and_going_on(when: str) -> None:
    """Under a shell with job control, as a Ctrl-Z has it; this one sets no modes of the terminal by itself."""
    is_prompt = when == "at the prompt"
    jobs = ["/bin/sh", "-c", 'set -m; "$@"; echo stopped; read go; fg; echo over', "sh"]
    with Terminal([*jobs, *CHAT, ENDLESS], env=XTERM) as terminal:
        before = modes(terminal)
        terminal.expect(PROMPT)
        terminal.type("abc" if is_prompt else "Sing.\r")
        terminal.expect("abc" if is_prompt else "la la")
        terminal.type("\x1a")
        terminal.expect("stopped\r\n")
        assert modes(terminal) == before
        terminal.type("go\n")
        if is_prompt:
            terminal.expect("> abc", after="\x1b[?2004h")
            terminal.type("d\r")
        terminal.expect("la la")
        terminal.type("\x03")
        terminal.expect("(stopped)", within_s=20)
        terminal.type("\x04")
        terminal.expect("over")
        assert modes(terminal) == before


def test_an_engine_that_dies_in_a_terminal() -> None:
    with in_terminal(ENDLESS) as terminal:
        terminal.expect(PROMPT)
        terminal.type("Sing.\r")
        terminal.expect("la la")
        os.kill(worker(terminal.pid), signal.SIGKILL)
        terminal.expect("\r\nerror: Running the engine: it was ended by SIGKILL; ask again")
        terminal.type("\x1b[A\r")
        terminal.expect("la la", after="> Sing.")
        terminal.type("\x03")
        terminal.expect("(stopped)", within_s=20)
        idle = worker(terminal.pid)
        os.kill(idle, signal.SIGKILL)  # while nobody asks: nobody is bothered
        assert eventually(lambda: has_ended(idle))
        terminal.expect(PROMPT)
        terminal.type("again\r")
        terminal.expect("la la")
        terminal.type("\x03\x03")
        terminal.expect("(stopped)", within_s=20)
        terminal.type("\x04")
        assert terminal.status() == 0


def test_a_window_that_changes() -> None:
    with in_terminal("Hello.", columns=20, lines=6) as terminal:
        terminal.expect(PROMPT)
        terminal.type("The quick brown fox jumps over")
        terminal.expect("over")
        before = len(terminal.screen)
        resize(terminal, 60, 20)
        terminal.expect("> The quick brown fox jumps over", after="")
        assert "\x1b[" in terminal.screen[before:]
        terminal.type("\r")
        terminal.expect("Hello.")
        terminal.type("\x04")
        assert terminal.status() == 0


@pytest.mark.parametrize("env", [ENV | {"TERM": "dumb"}, ENV], ids=["dumb", "no TERM"])
def test_a_terminal_without_an_editor(env: dict[str, str]) -> None:
    with in_terminal("Hello.", env=env) as terminal:
        terminal.expect(PROMPT)
        terminal.type('Hi\n"""\ntwo\nlines\n"""\n')
        terminal.expect("Hello.", after="Hello.")
        terminal.type("/undo\n")
        terminal.expect(PROMPT, after="Dropped: two lines")
        terminal.type("\x03")
        terminal.expect(PROMPT, after="Press Ctrl-C again")
        terminal.type("\x03")
        assert terminal.status() == 0
        assert "\x1b[?2004h" not in terminal.screen


def test_hostile_answers_and_colours() -> None:
    hostile = "a\x1b[2J\x1b]0;x\x07\x9bb\rc\x1b[?1049hd"
    with in_terminal(hostile) as terminal:
        terminal.expect(PROMPT)
        terminal.type("Hi\r")
        terminal.expect("d\r\n")
        terminal.type("\x04")
        assert terminal.status() == 0
        assert "a␛[2J␛]0;x␇\ufffdbc␛[?1049hd" in terminal.screen
        assert "\x1b[1;34m" not in terminal.screen
    with in_terminal("Hello.", env={**XTERM, "NO_COLOR": ""}) as terminal:
        terminal.expect("\x1b[1;34m> \x1b[0m")
        terminal.type("\x04")
        assert terminal.status() == 0
