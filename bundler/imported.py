"""Remembers with which compiler an imported image was made, where its computer had one of its own.

A Mac makes an engine with Apple's tools, which no other computer has. Where its image was imported, builds use
that; when the recipe has changed since, or the image was removed, this computer's own recipe counts again.
"""

from pathlib import Path

from bundler import store

KIND = "images"
"""Where images lie in the cache, and these notes beside them."""


def compiler(target: str) -> str:
    """That of the last imported image for `target`; empty: none, or zig."""
    note = _note(target)
    return note.read_text(encoding="utf-8") if note.is_file() else ""


def remember(target: str, compiler: str) -> None:
    """Note it; empty: forget what was noted."""
    note = _note(target)
    if not compiler:
        note.unlink(missing_ok=True)
        return
    with store.staging_file(note) as part:
        part.write_text(compiler, encoding="utf-8", newline="\n")


def _note(target: str) -> Path:
    return store.cache_dir(KIND) / f"{target}.compiler"
