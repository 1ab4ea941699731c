"""`lmfile diff`: what differs between two executables."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(
        prog="lmfile diff",
        description="Show what differs between two executables: versions, models, adapters, texts, settings, members."
        " Exit code 0: nothing; 1: something.",
        epilog="example: lmfile diff mine-1.0 mine-1.1",
    )
    parser.add_argument("a", metavar="A", type=Path)
    parser.add_argument("b", metavar="B", type=Path)
    parser.add_argument("--json", action="store_true", help="the differences, as JSON")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.diff import diff

    return diff(options.a, options.b, options.json, console)
