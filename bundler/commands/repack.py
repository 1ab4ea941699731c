"""`lmfile repack`: makes an executable anew around its weights."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bundler.commands.build import add_assistant
from bundler.console import Console
from bundler.parsing import Parser
from runtime.errors import UsageError

if TYPE_CHECKING:
    from bundler.recipe import Recipe

NEW, KEEP = "new", "keep"


def parser() -> Parser:
    """The options; what they do not say stays as FILE has it."""
    parser = Parser(
        prog="lmfile repack",
        description="Write FILE anew with this lmfile's engine, and with what the options change of it. Its weights are"
        " taken over as they are: nothing is downloaded, converted or hashed, and where the file system can share"
        " blocks, not even copied.",
        epilog="example: lmfile repack mine -o mine --system-prompt @prompt.txt --adapter voice.gguf",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="a finished executable")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="what to write; may be FILE")
    parser.add_argument(
        "--runtime",
        choices=(NEW, KEEP),
        default=NEW,
        help="new: this lmfile's engine, runtime and page; keep: those of FILE (default: new)",
    )
    parser.add_argument(
        "--recipe",
        metavar="lmfile.toml",
        type=Path,
        help="take everything from there, but the models: names, texts, settings, adapters",
    )
    parser.add_argument(
        "--adapter",
        metavar="[NAME=]PATH[:SCALE]",
        action="append",
        default=[],
        help="add a LoRA adapter, or replace the one of this name; may be given again",
    )
    parser.add_argument(
        "--remove-adapter", metavar="NAME", action="append", default=[], help="leave an adapter out; may be given again"
    )
    add_assistant(parser)
    _add_negations(parser)
    _add_output(parser)
    parser.set_defaults(run=run, quantize=None, imatrix=None)
    return parser


def _add_negations(parser: Parser) -> None:
    group = parser.add_argument_group("what FILE has and OUT should not; texts are emptied with --greeting ''")
    group.add_argument("--unset", metavar="FLAG", action="append", default=[], help="a flag that every start had")
    group.add_argument("--no-starters", action="store_true", help="no first questions")
    group.add_argument("--no-icon", action="store_true", help="no icon")
    group.add_argument("--no-bake", action="store_true", help="no computed prompt")
    group.add_argument("--no-sidecar", action="store_true", help="weights inside again, where the system starts that")


def _add_output(parser: Parser) -> None:
    group = parser.add_argument_group("output")
    where = "where it will run (default: as FILE); may be given again"
    group.add_argument("--target", metavar="TARGET", action="append", default=[], help=where)
    group.add_argument("--sidecar", action="store_true", help="weights in a file beside it (Windows over 4 GB: always)")
    group.add_argument("--dry-run", action="store_true", help="say what would be packed, from where and how big")
    group.add_argument("--json", action="store_true", help="with --dry-run: as JSON")
    group.add_argument("--force", action="store_true", help="replace OUT even if it is not an lmfile")


def run(options: argparse.Namespace, console: Console) -> int:
    """Take FILE apart, change it, and put it together."""
    from bundler import unpacked  # each command loads what it needs: --help answers in 50 ms
    from bundler.executable import open_executable
    from bundler.recipe import command_line
    from bundler.repack import Order, repack

    payload = open_executable(options.file)
    before = _read(options.recipe, console) if options.recipe else unpacked.recipe(payload)
    wanted = command_line.changed(_less(before, options), options)
    order = Order(
        force=options.force,
        keep_runtime=options.runtime == KEEP,
        keep_icon=not options.no_icon and options.recipe is None,
        keep_adapters=options.recipe is None,
        keep_texts=options.recipe is None,
        without=tuple(options.remove_adapter),
        dry_run=options.dry_run,
        as_json=options.json,
    )
    repack(payload, replace(wanted, targets=wanted.targets or (payload.manifest.target,)), order, console)
    return 0


def _read(path: Path, console: Console) -> "Recipe":
    """A recipe's file, of which the models are of no interest here."""
    from bundler import recipe

    found, warnings = recipe.read(path)
    for warning in warnings:
        console.step(warning)
    return replace(found, models=())


def _less(before: "Recipe", options: argparse.Namespace) -> "Recipe":
    """Without what the options take away. Raises: UsageError for a flag that is not there."""
    if missing := next((flag for flag in options.unset if flag.lstrip("-") not in before.defaults), None):
        there = ", ".join(f"`{flag}`" for flag in before.defaults) or "none"
        raise UsageError(
            f"Repacking `{options.file}`: no flag `{missing}` is set in it, but {there}; correct the name."
        )
    unset = {flag.lstrip("-") for flag in options.unset}
    return replace(
        before,
        defaults={flag: value for flag, value in before.defaults.items() if flag not in unset},
        starters=() if options.no_starters else before.starters,
        bake=before.bake and not options.no_bake,
        sidecar=before.sidecar and not options.no_sidecar,
    )
