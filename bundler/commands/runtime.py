"""`lmfile runtime`: makes, shows or removes the runtime images of the cache."""

import argparse

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(prog="lmfile runtime", description="Make, show or remove the runtime images in the cache.")
    parser.add_argument("action", choices=("build", "list", "clean"))
    parser.add_argument("--target", metavar="TARGET", help="build: where it will run (default: a computer like this)")
    parser.add_argument("--json", action="store_true", help="list: as JSON")
    parser.add_argument("--all", action="store_true", help="clean: also what a build would use now")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler import runtime_command

    return runtime_command.run(options, console)
