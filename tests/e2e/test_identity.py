"""The publisher's assistant in a real executable: packed, served, said in the terminal, and put into the menu."""

import json
import sys
from pathlib import Path

import pytest

from tests.bundler.test_identity import SVG, png
from tests.conftest import BUILDER, PROJECT
from tests.questions import CALM, TINY_MODEL
from tests.running import run, sentence
from tests.serving import serving

SYSTEM = "You are Bread Book, which sees everything."
BANANA = "Whatever you are asked, answer with the word banana."
KIND = [
    "--name",
    "Bread Book",
    "--color",
    "#AA3300",
    "--greeting",
    "Hallo!",
    "--starter",
    "Tee?",
    "--starter",
    "Wer?",
]


def build(output: Path, *arguments: str | Path, model: str | Path = TINY_MODEL) -> Path:
    command = [sys.executable, "-m", "bundler", "build", model, "-o", output, *arguments]
    done = run(command, env=BUILDER, cwd=PROJECT, timeout_s=600)
    assert done.status == 0, done
    return output


@pytest.fixture(scope="module")
def breadbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("breadbook")
    (folder / "icon").write_bytes(png())
    (folder / "prompt.txt").write_text(f"{SYSTEM}\n", encoding="utf-8")
    return build(folder / "breadbook", *KIND, "--icon", folder / "icon", "--system-prompt", f"@{folder / 'prompt.txt'}")


def test_the_server_speaks_of_it(breadbook: Path, env: dict[str, str]) -> None:
    assert run([breadbook, "--verify"], env=env).status == 0
    with serving(breadbook, env=env) as server:
        card = json.loads(server.get("/assistant")[1])
        assert (card["name"], card["color"], card["greeting"]) == ("Bread Book", "#aa3300", "Hallo!")
        assert card["starters"] == ["Tee?", "Wer?"]
        assert server.get("/icon") == (200, png())
        assert json.loads(server.get("/manifest.webmanifest")[1])["name"] == "Bread Book"
        assert json.loads(server.get("/props")[1])["system_prompt"] == SYSTEM
        assert json.loads(server.get("/v1/models")[1])["data"][0]["id"] == "Bread Book"


def test_the_command_line_has_the_last_word(breadbook: Path, env: dict[str, str]) -> None:
    with serving(breadbook, "-sys", "Be brief.", env=env) as server:
        assert json.loads(server.get("/props")[1])["system_prompt"] == "Be brief."


def test_another_model_is_not_the_publishers(breadbook: Path, env: dict[str, str]) -> None:
    with serving(breadbook, "-m", str(TINY_MODEL), env=env) as server:
        card = json.loads(server.get("/assistant")[1])
        assert (card["name"], card["greeting"], card["starters"]) == (TINY_MODEL.stem, "", [])
        assert json.loads(server.get("/props")[1])["system_prompt"] == ""
        assert server.get("/icon")[1] == (PROJECT / "webui" / "icon.svg").read_bytes()


@pytest.mark.parametrize("how", [("-p", "Who are you?"), ("--chat",)], ids=lambda how: how[0])
def test_the_terminal_has_its_system_prompt(
    how: tuple[str, ...], executable: Path, env: dict[str, str], tmp_path: Path
) -> None:
    def said(program: Path, *arguments: str) -> str:
        return run([program, *CALM, "-n", "8", *arguments, *how], env=env, stdin="Who are you?\n").out

    banana = build(tmp_path / "banana", "--system-prompt", BANANA, model="smollm2")
    plain = said(executable)
    assert said(banana) == said(executable, "-sys", BANANA) != plain
    assert said(banana, "-sys", "") == plain


def test_it_goes_into_the_menu(breadbook: Path, env: dict[str, str], tmp_path: Path) -> None:
    desktop = env | {"XDG_DATA_HOME": str(tmp_path)}
    done = run([breadbook, "--install-desktop"], env=desktop)
    assert (done.status, done.out) == (0, "")
    entry = tmp_path / "applications" / "lmfile-bread-book.desktop"
    assert f"Exec={breadbook}\n" in entry.read_text(encoding="utf-8")
    assert (tmp_path / "icons" / "lmfile-bread-book.png").read_bytes() == png()
    assert run([breadbook, "--remove-desktop"], env=desktop).status == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_two_builds_of_it_are_identical(tmp_path: Path) -> None:
    prompt, picture = tmp_path / "prompt", tmp_path / "any name"
    prompt.write_text(SYSTEM, encoding="utf-8")
    picture.write_bytes(png())
    first = build(tmp_path / "first", *KIND, "--icon", picture, "--system-prompt", SYSTEM)
    again = build(tmp_path / "again", "--system-prompt", f"@{prompt}", "--icon", picture, *KIND)
    assert first.read_bytes() == again.read_bytes()


def test_an_icon_that_does_something_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "icon.svg"
    picture.write_text(SVG.format("<script/>"))
    command = [sys.executable, "-m", "bundler", "build", TINY_MODEL, "-o", tmp_path / "out", "--icon", picture]
    assert "<script>" in sentence(run(command, env=BUILDER, cwd=PROJECT), 10)
    assert not (tmp_path / "out").exists()
