"""A recipe's file while it is read: its folder, and errors that name its line and key."""

import os
from pathlib import Path
from typing import NamedTuple

from bundler.recipe.recipe import LicenseText, Recipe
from runtime.errors import RecipeInvalid, UsageError
from runtime.payload.assistant import Assistant, Message
from runtime.payload.defaults import MAX_TEMPLATE

MAX_FILE_BYTES = 1 << 20
MAX_SOURCE = 4096

HUB = "hf:"
ADDRESSES = (HUB, "https://", "http://")


class Place(NamedTuple):
    """The recipe `path`; what it names is found in `folder`."""

    path: Path
    folder: Path

    def fault(self, line: int, key: str, reason: str) -> RecipeInvalid:
        """The error that says so; line: 0 for the file as a whole."""
        return RecipeInvalid(self.path, line, _on_a_line(key), _on_a_line(reason))

    def file(self, text: str, line: int, key: str) -> Path:
        """The path that `text` means, seen from the recipe's folder, as an absolute one. Raises: RecipeInvalid."""
        try:
            path = (self.folder / Path(text).expanduser()).absolute()
            found = path.exists()
        except (OSError, ValueError, RuntimeError) as error:  # too long a name, a NUL, a home that nobody has
            raise self.fault(line, key, f"is not a path that can be looked up: {_said(error)}") from error
        if not found:
            raise self.fault(line, key, f"names `{text}`, and there is no such file or folder in `{self.folder}`")
        plain = Path(os.path.normpath(path))  # without `..`, but where that would leave a linked folder elsewhere
        return plain if plain.exists() and plain.samefile(path) else path

    def text(self, text: str, line: int, key: str, limit: int = MAX_FILE_BYTES) -> str:
        """What stands in the file that `text` names, at most `limit` bytes. Raises: RecipeInvalid."""
        path = self.file(text, line, key)
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise self.fault(line, key, f"names `{text}`, which cannot be read: {_said(error)}") from error
        if len(data) > limit:
            raise self.fault(line, key, f"names `{text}`, which is longer than {limit:,} bytes")
        try:
            return data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise self.fault(line, key, f"names `{text}`, which is not UTF-8") from error

    def address(self, text: str, line: int, key: str, sha256: str = "") -> str:
        """An address as it stands, if it is one that can be asked. Raises: RecipeInvalid."""
        from bundler.sources import hub_name

        if text.startswith(HUB):
            try:
                hub_name.read(text)
            except UsageError as error:
                reason = str(error).rpartition(": ")[2].rstrip(".")
                raise self.fault(line, key, f"is `{text}`: {reason}") from error
        elif not sha256 and "#sha256=" not in text:
            raise self.fault(line, key, "is an address without the hash of its file; add #sha256= and it, in hex")
        return text

    def source(self, text: str, line: int, key: str, sha256: str = "") -> str:
        """A model's source: an address or a known name as it stands, else a path, with `#MEMBER` behind an archive's.

        Raises: RecipeInvalid.
        """
        from bundler.models import KNOWN

        if not text.strip() or len(text) > MAX_SOURCE or not text.isprintable():
            raise self.fault(line, key, f"needs a path or an address in at most {MAX_SOURCE} characters")
        if text.startswith(ADDRESSES):
            return self.address(text, line, key, sha256)
        if text in KNOWN:
            return text
        path, sign, member = text.partition("#")
        if sign and not (self.folder / Path(text)).exists():
            return f"{self.file(path, line, key)}#{member}"
        return str(self.file(text, line, key))

    def license(self, text: str, line: int, key: str) -> LicenseText:
        """The licence in the file that `text` names. Raises: RecipeInvalid."""
        return LicenseText(Path(text).name, self.text(text, line, key))

    def template(self, text: str, line: int, key: str) -> str:
        """`text` as the Jinja of a chat template. Raises: RecipeInvalid."""
        if not text.strip():
            raise self.fault(line, key, "is empty")
        if len(text) > MAX_TEMPLATE:
            raise self.fault(line, key, f"has {len(text):,} characters, more than {MAX_TEMPLATE:,}")
        return text


def contents(path: Path) -> str:
    """The text of a recipe, with line feeds alone. Raises: RecipeInvalid."""
    place = Place(path, path.parent)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise place.fault(0, "", f"it cannot be opened: {_said(error)}") from error
    if len(data) > MAX_FILE_BYTES:
        raise place.fault(0, "", f"it is longer than {MAX_FILE_BYTES:,} bytes, so it is no recipe")
    return decoded(data, place)


def decoded(data: bytes, place: Place) -> str:
    """UTF-8, or UTF-16 if it begins so, as Windows' editors save it. Raises: RecipeInvalid."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise place.fault(line, "", f"it is not {encoding[:6].upper().rstrip('-')}; save it as UTF-8") from error


def words_fault(recipe: Recipe) -> tuple[str, str] | None:
    """The field of what people read that cannot be so, and why; None: all of it can be."""
    try:
        Assistant(
            name=recipe.name,
            greeting=recipe.greeting,
            system_prompt=recipe.system_prompt,
            starters=recipe.starters,
            messages=tuple(Message(*message) for message in recipe.messages),
        ).check()
    except ValueError as error:
        field, _, reason = str(error).removeprefix("`").partition("` ")
        return field, reason
    return None


def _on_a_line(text: str) -> str:
    """What is quoted of a file may hold anything; a sentence is one line."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _said(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower().rstrip(".")
