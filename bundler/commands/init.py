"""`lmfile init`: writes a commented recipe to begin with."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(
        prog="lmfile init",
        description="Write a commented lmfile.toml, which says all that an executable can be given, and builds as it"
        " stands.",
        epilog="example: lmfile init mine --from Modelfile && lmfile build mine/lmfile.toml",
    )
    parser.add_argument(
        "place",
        metavar="FOLDER",
        nargs="?",
        type=Path,
        default=Path(),
        help="where to, or a .toml file (default: here)",
    )
    parser.add_argument(
        "--from",
        dest="origin",
        metavar="WHAT",
        default="",
        help="a model, an Ollama Modelfile, a llamafile, its .args or another recipe (default: smollm2)",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.recipe.start import start

    path, warnings = start(options.place, options.origin, options.force)
    for warning in warnings:
        console.step(f"{options.origin}: {warning}")
    console.result(f"{path}: now `lmfile build {path}` makes the executable.")
    return 0
