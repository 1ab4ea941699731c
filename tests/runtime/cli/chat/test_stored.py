"""Conversations as files: whole, private, never over another's, and readable by the page."""

import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runtime.cli.chat.stored import AlreadyThere, load, save
from runtime.cli.chat.talk import Talk, Turn
from runtime.errors import CannotWrite, UsageError
from tests.conftest import PROJECT

NODE = PROJECT / ".venv/lib/python3.11/site-packages/playwright/driver/node"


def talk() -> Talk:
    found = Talk("Be brief.")
    found.turns = [
        Turn("user", "Who are you?\n你好", at_ms=1_700_000_000_000),
        Turn("assistant", "A model.", "hmm", 1_700_000_000_500),
        Turn("user", "Really?", at_ms=1_700_000_000_400),
        Turn("assistant", "Yes.", at_ms=1_700_000_000_900),
    ]
    return found


def texts(turns: list[Turn]) -> list[tuple[str, str, str]]:
    return [turn[:3] for turn in turns]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    save(talk(), "smollm2", path, replace=False)
    system, turns = load(path)
    assert system == "Be brief." and texts(turns) == texts(talk().turns)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    save(Talk(), "smollm2", tmp_path / "empty.json", replace=False)
    assert load(tmp_path / "empty.json") == ("", [])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["chat.json", "empty.json"]


def test_nothing_is_overwritten_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    path.write_text("mine")
    with pytest.raises(AlreadyThere):
        save(talk(), "smollm2", path, replace=False)
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(AlreadyThere):
        save(talk(), "smollm2", dangling, replace=False)
    assert path.read_text() == "mine"
    save(talk(), "smollm2", path, replace=True)
    assert len(load(path)[1]) == 4
    with pytest.raises(CannotWrite):
        save(talk(), "smollm2", tmp_path / "no" / "folder", replace=False)
    with pytest.raises(CannotWrite):
        save(talk(), "smollm2", tmp_path, replace=True)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["chat.json", "dangling"]


def test_a_branch_of_the_page_is_loaded_with_its_files(tmp_path: Path) -> None:
    node = {"parent": None, "role": "user", "content": "one", "at": 1}
    nodes: dict[str, Any] = {
        "a": {**node, "files": [{"name": "f.md", "type": "text/plain", "text": "```\nx\n```\n"}]},
        "b": {**node, "parent": "a", "role": "assistant", "content": "not shown"},
        "c": {**node, "parent": "a", "role": "assistant", "content": "two"},
        "d": {**node, "parent": "c", "role": "tool", "content": "42"},
        "e": {**node, "parent": "d", "content": "three"},
    }
    tree = {"mode": "chat", "changed": 5, "system": None, "leaf": "e", "nodes": nodes}
    older = {**tree, "changed": 4, "leaf": None}
    path = tmp_path / "page.json"
    written = {"format": "lmfile-conversations", "version": 1, "conversations": [older, tree, older]}
    path.write_text(json.dumps(written))
    question = "f.md:\n````\n```\nx\n```\n````\n\none"
    assert texts(load(path)[1]) == [("user", question, ""), ("assistant", "two", ""), ("user", "three", "")]


LOOP = {"parent": "a", "role": "user", "content": "x", "at": 1}
GOOD = {"mode": "chat", "changed": 1, "system": None, "leaf": "a", "nodes": {"a": {**LOOP, "parent": None}}}


@pytest.mark.parametrize(
    "conversation",
    [
        {}, 5, None, {**GOOD, "nodes": {"a": LOOP}}, {**GOOD, "nodes": []}, {**GOOD, "leaf": "z"}, {**GOOD, "leaf": []},
        {**GOOD, "nodes": {"a": {**LOOP, "content": 5}}}, {**GOOD, "nodes": {"a": {"parent": None}}},
        {**GOOD, "changed": "now"}, {**GOOD, "mode": "notebook"}, {**GOOD, "nodes": {"a": {**LOOP, "at": "x"}}},
        {**GOOD, "nodes": {"a": {**LOOP, "parent": None, "files": 5}}},
        {**GOOD, "nodes": {"a": {**LOOP, "parent": None, "files": [5]}}},
    ],
)  # fmt: skip
def test_foreign_content_is_one_sentence(conversation: object, tmp_path: Path) -> None:
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"format": "lmfile-conversations", "version": 1, "conversations": [conversation]}))
    with pytest.raises(UsageError, match=r"^Loading `.*; choose another file\.$"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{}", b"5", b"[" * 100_000, b'{"format": "other"}'])
def test_other_files_are_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    for each in (path, tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match=r"^Loading `.*; choose another file\.$"):
            load(each)


def test_the_page_reads_what_is_saved_here(tmp_path: Path) -> None:
    save(talk(), "smollm2", tmp_path / "chat.json", replace=False)
    script = """
        const { fromFile } = await import(process.argv[1]);
        const { readFileSync } = await import("node:fs");
        const text = readFileSync(process.argv[2], "utf8");
        const [one] = await fromFile({ name: "chat.json", size: text.length, text: async () => text });
        console.log(JSON.stringify([one.system, Object.values(one.nodes).map((node) => node.content)]));
    """
    command = [NODE, "--input-type=module", "-e", script, PROJECT / "webui/transfer.js", tmp_path / "chat.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["Be brief.", [turn.content for turn in talk().turns]]
