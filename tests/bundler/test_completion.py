"""Completion: the shells themselves complete what the commands' parsers know, and nothing that these do not."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bundler import models
from bundler.cli import main
from bundler.commands import COMMANDS
from bundler.commands.completion import SHELLS
from bundler.completion.commands import brief, commands
from tests.terminal import Terminal

TARGETS = ["linux-aarch64", "linux-x86_64"]
CASES = [
    ("lmfile do", ["doctor"]),
    ("lmfile runtime ex", ["export"]),
    ("lmfile runtime build --tar", ["--target"]),
    ("lmfile build --target lin", TARGETS),
    ("lmfile build smollm2 -o out --target lin", TARGETS),
    ("lmfile build --quantize q5_k_", ["q5_k_m", "q5_k_s"]),
    ("lmfile convert x --outtype b", ["bf16"]),
    ("lmfile completion po", ["powershell"]),
    ("lmfile build smoll", ["smollm2"]),
    ("lmfile build --icon pict", ["picture one.png"]),
    ("lmfile inspect pict", ["picture one.png"]),
    ("lmfile build --name pict", []),
    ("lmfile frobnicate --", []),
]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the script for each shell, `lmfile.SHELL`, and a picture."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        with pytest.MonkeyPatch.context() as patch:
            written: list[str] = []
            patch.setattr("bundler.console.Console.result", lambda _self, text, out=written: out.append(text))
            assert main(["completion", shell]) == 0
        (folder / f"lmfile.{shell}").write_text("\n".join(written) + "\n")
    (folder / "picture one.png").write_bytes(b"")
    return folder


def ran(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


@pytest.mark.parametrize(("line", "offered"), [*CASES, ("lmfile build --target=lin", TARGETS)])
def test_bash(scripts: Path, line: str, offered: list[str]) -> None:
    words = line.replace("=", " = ").split(" ")
    array = " ".join(f"'{word}'" for word in words)
    program = (
        f"source lmfile.bash; COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _lmfile 2>/dev/null;"
        ' printf "%s\\n" "${COMPREPLY[@]}"; complete -p lmfile'
    )
    *found, registered = ran(["bash", "--norc", "-c", program], scripts).splitlines()
    assert sorted(filter(None, found)) == offered
    assert registered == "complete -F _lmfile lmfile"


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish is installed")
@pytest.mark.parametrize(("line", "offered"), CASES)
def test_fish(scripts: Path, line: str, offered: list[str]) -> None:
    found = ran(["fish", "--no-config", "-c", f"source lmfile.fish; complete -C '{line}'"], scripts)
    words = [row.partition("\t")[0].replace("\\", "") for row in found.splitlines()]
    assert sorted(set(words)) == offered


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh is installed")
def test_zsh(scripts: Path) -> None:
    """zsh completes nowhere but on a terminal: what is typed grows by what alone fits."""
    zsh = shutil.which("zsh") or ""
    env = {"PATH": "/usr/bin:/bin", "TERM": "dumb", "HOME": str(scripts), "PS1": "> "}
    with Terminal([zsh, "-f", "-i"], env) as terminal:
        terminal.type(f"cd {scripts}; autoload -U compinit; compinit -D; source lmfile.zsh; PS1='ready> '\n")
        terminal.expect("ready> ", after="\n")
        for line, offered in CASES:
            if len(offered) == 1:
                terminal.type(f"{line}\t")
                terminal.expect(offered[0].replace(" ", "\\ "))
                terminal.type("\x15")
        terminal.type("lmfile build --target lin\t\t")
        for target in TARGETS:
            terminal.expect(target)


def test_powershell_has_the_same_tables(scripts: Path) -> None:
    """There is no PowerShell to run it on every computer: what it is given is compared."""
    text = (scripts / "lmfile.powershell").read_text()
    assert re.findall(r"^        '([a-z-]+)' = @\{$", text, re.MULTILINE) == list(COMMANDS)
    for opening, closing in ("()", "{}", "[]"):
        assert text.count(opening) == text.count(closing)
    assert text.count("'") % 2 == 0
    for command in commands():
        for option in command.options:
            assert all(f"'{name}'" in text for name in option.names)


def test_what_is_offered_is_what_the_parsers_take() -> None:
    found = {command.name: command for command in commands()}
    assert list(found) == list(COMMANDS)
    build = {name: option for option in found["build"].options for name in option.names}
    assert build["--quiet"].value is None
    assert build["--adapter"].repeats
    assert set(models.KNOWN) <= set(found["build"].places.words)
    assert all(option.help for command in found.values() for option in command.options), "each says what it does"


def test_a_help_text_means_nothing_to_a_shell() -> None:
    assert brief("where `it` will [run]; $(rm -rf /) 'quoted' (default: here)") == "where it will run"
    hostile = brief("a" * 30 + " $x `y` \"z\" 'w' \\ [b] {c} | & ; < > * ? ~ ! ^ : =")
    assert not set(hostile) & set("$`\"'\\[]{}|&;<>*?~!^:=")
