"""`lmfile extract`: takes members out of an executable."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(prog="lmfile extract", description="Take members out of an executable, each checked.")
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("members", metavar="MEMBER", nargs="*", help="a member, or a folder of members (default: all)")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, default=Path(), help="where to (default: here)")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.extract import extract

    extract(options.file, options.members, options.output, options.force, console)
    return 0
