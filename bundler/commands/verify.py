"""`lmfile verify`: holds every byte of an executable against its hash."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(
        prog="lmfile verify",
        description="Hold every byte of an executable against its hash, and its signature against a key; exit code 30"
        " if a byte differs, 35 if it is not signed with KEY.",
    )
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--key", metavar="KEY", default="", help="the publisher's public key: a .pub file or its line")
    parser.add_argument("--json", action="store_true", help="the findings, as JSON")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.verify import verify

    return verify(options.file, options.json, console, options.key)
