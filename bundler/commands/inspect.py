"""`lmfile inspect`: shows what an executable holds."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(prog="lmfile inspect", description="Show what an executable holds.")
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--json", action="store_true", help="the manifest, as JSON")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.inspect import inspect

    inspect(options.file, options.json, console)
    return 0
