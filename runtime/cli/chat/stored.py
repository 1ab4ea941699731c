"""Conversations as files: what `/save` writes, the chat page imports, and `/load` reads what either has written.

The page's conversations are trees, of which the branch that is shown is read.
"""

import errno
import json
import os
import re
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from runtime.cli.chat.talk import Talk, Turn
from runtime.errors import CannotWrite, DiskFull, LmfileError, UsageError

FORMAT = "lmfile-conversations"
VERSION = 1
MAX_BYTES = 64 << 20


class AlreadyThere(Exception):
    """Nothing is overwritten unless that is asked for."""


def save(talk: Talk, model: str, path: Path, *, replace: bool) -> None:
    """Write the conversation as one whole. Raises: AlreadyThere; CannotWrite, DiskFull."""
    if not replace and path.exists():
        raise AlreadyThere
    text = json.dumps({"format": FORMAT, "version": VERSION, "conversations": [_tree(talk, model)]}, ensure_ascii=False)
    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name[:40]}.")
        beside = Path(name)
        try:
            with open(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text + "\n")
            _rename(beside, path, replace)
        finally:
            beside.unlink(missing_ok=True)
    except FileExistsError as error:
        raise AlreadyThere from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(path, len(text)) from error
        raise CannotWrite(path, (error.strerror or str(error)).lower()) from error


def load(path: Path) -> tuple[str, list[Turn]]:
    """The system prompt and the turns in a file: of several conversations those of the newest. Raises: UsageError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _useless(path, (error.strerror or str(error)).lower()) from error
    if len(data) > MAX_BYTES:
        raise _useless(path, f"it is larger than {MAX_BYTES >> 20} MiB")
    try:
        found = json.loads(data)
        if found["format"] != FORMAT or found.get("version", VERSION) != VERSION:
            raise _useless(path, "it is of another version")
        chats = [one for one in found["conversations"] if one["mode"] == "chat"]
        if not chats:
            raise _useless(path, "it holds no conversation")
        newest = max(chats, key=lambda one: float(one["changed"]))
        return str(newest["system"] or ""), _branch(newest)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _useless(path, "it is no conversation that was saved here or exported by the chat page") from error


def _useless(path: Path, happened: str) -> LmfileError:
    return UsageError(f"Loading `{path}`: {happened}; choose another file.")


def _rename(beside: Path, path: Path, replace: bool) -> None:
    """Give the finished file its name. Raises: FileExistsError where another has it and `replace` is false."""
    if replace:
        beside.replace(path)
    elif os.name == "nt":
        beside.rename(path)  # onto no other file there
    else:
        _link(beside, path)


def _link(beside: Path, path: Path) -> None:
    """The one way to give a name that must be free. Raises: FileExistsError."""
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        beside.replace(path)


def _tree(talk: Talk, model: str) -> dict[str, object]:
    """The conversation as the page keeps it: each turn below the one before it."""
    now = time.time_ns() // 1_000_000
    nodes: dict[str, object] = {}
    parent: str | None = None
    last = 0
    for turn in talk.turns:
        name = str(uuid.uuid4())
        last = max(turn.at_ms or now, last + 1)
        extra = {"thought": turn.thought} if turn.thought else {}
        extra |= {"model": model} if turn.role == "assistant" else {}
        node = {"id": name, "parent": parent, "role": turn.role, "content": turn.content, **extra, "at": last}
        nodes[name] = node
        parent = name
    return {
        "id": str(uuid.uuid4()),
        "title": "",
        "created": talk.turns[0].at_ms if talk.turns else now,
        "changed": max(now, last),
        "mode": "chat",
        "system": talk.system or None,
        "text": "",
        "nodes": nodes,
        "leaf": parent,
    }


def _branch(tree: dict[str, Any]) -> list[Turn]:
    """The turns that are shown. Raises: KeyError, TypeError, ValueError for a tree that is none."""
    turns: list[Turn] = []
    nodes, at = tree["nodes"], tree["leaf"]
    while at is not None:
        node = nodes[at]
        content, role = node["content"], node["role"]
        if not isinstance(content, str) or not isinstance(role, str) or len(turns) > len(nodes):
            raise ValueError("a turn below itself, or without text")
        if role in ("user", "assistant"):
            turns.append(Turn(role, _with_files(node, content), str(node.get("thought", "")), int(node["at"])))
        at = node["parent"]
    return turns[::-1]


def _with_files(node: dict[str, Any], content: str) -> str:
    """A question with the texts of its files before it, as the page asks it."""
    files = [file for file in node.get("files", []) if isinstance(file.get("text"), str)]
    return "\n\n".join([*(_fenced(str(file["name"]), file["text"]) for file in files), content])


def _fenced(name: str, text: str) -> str:
    longest = max((len(ticks) for ticks in re.findall(r"^`{3,}", text, re.MULTILINE)), default=2)
    fence = "`" * (longest + 1)
    return f"{name}:\n{fence}\n{text.removesuffix(chr(10))}\n{fence}"
