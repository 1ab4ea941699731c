"""`lmfile doctor`: says what this computer can build and run."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(
        prog="lmfile doctor",
        description="Say what this computer can build and run: tools, targets, room, memory, accelerators, sources of"
        " models. The exit code is 0 when it can build for itself.",
    )
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, default=Path(), help="where executables would go")
    parser.add_argument("--online", action="store_true", help="also ask whether package index and hub answer")
    parser.add_argument("--json", action="store_true", help="the findings, as JSON")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.doctor import report

    report.run(options.output, options.json, options.online, console)
    return 0
