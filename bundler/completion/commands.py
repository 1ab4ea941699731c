"""What there is to complete: commands, their options, and what stands behind each."""

import argparse
import importlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bundler import models, store
from bundler.commands import COMMANDS
from bundler.parsing import Parser

MAX_HELP = 60


class Value(NamedTuple):
    """What may stand behind an option or in a place: these words, files, or both; neither: any text."""

    name: str
    words: Sequence[str] = ()
    files: bool = False


class Option(NamedTuple):
    """One option; value: None for a switch."""

    names: Sequence[str]
    help: str
    value: Value | None
    repeats: bool


class Command(NamedTuple):
    """One command; `places`: what its other words may be, all of them together."""

    name: str
    help: str
    options: Sequence[Option]
    places: Value


def commands() -> list[Command]:
    """Every command, from its parser."""
    return [_command(name) for name in COMMANDS]


def _command(name: str) -> Command:
    parser: Parser = importlib.import_module(f"bundler.commands.{name.replace('-', '_')}").parser()
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, results only")
    actions = parser._actions  # argparse tells it in no other way
    options = [_option(action) for action in actions if action.option_strings]
    places = [_value(action) for action in actions if not action.option_strings]
    together = Value(
        name=" ".join(value.name for value in places) or "nothing",
        words=[word for value in places for word in value.words],
        files=any(value.files for value in places),
    )
    return Command(name, brief(parser.description or ""), options, together)


def _option(action: argparse.Action) -> Option:
    value = None if action.nargs == 0 else _value(action)
    repeats = "Append" in type(action).__name__  # what `action="append"` made
    return Option(action.option_strings, brief(action.help or ""), value, repeats)


def _value(action: argparse.Action) -> Value:
    """What is meant follows from the type and from the word that stands for it in the help."""
    name = action.metavar if isinstance(action.metavar, str) else action.dest
    if action.choices:
        return Value(name, [str(choice) for choice in action.choices])
    found = set(re.findall(r"[A-Z]+", name))
    words = list(_words(found, action.dest))
    is_file = action.type is Path or bool(found & {"FILE", "DIR", "FOLDER", "PATH", "MODEL", "RECIPE", "WHAT"})
    return Value(name, words, is_file)


def _words(found: set[str], field: str) -> Iterator[str]:
    if found & {"MODEL", "WHAT"}:
        yield from models.KNOWN
    if "TARGET" in found:
        yield from sorted(path.stem for path in (store.build_dir() / "targets").glob("*.toml"))
    if "TYPE" in found:
        from bundler import convert
        from bundler.convert.convert import OUTTYPES

        yield from OUTTYPES if field == "outtype" else map(str.lower, convert.types())


def brief(text: str) -> str:
    """The beginning of a help text, in characters that mean nothing to any shell."""
    first = re.split(r"[;.] | \(|[;.]$", " ".join(text.split()))[0]
    plain = re.sub(r"[^A-Za-z0-9 ,./#-]", "", first)
    return plain if len(plain) <= MAX_HELP else plain[:MAX_HELP].rpartition(" ")[0]
