"""`lmfile runtime`: makes, shows, removes and hands on the runtime images of the cache."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(
        prog="lmfile runtime",
        description="Make, show or remove the runtime images in the cache; export one to a file, import such files.",
        epilog="example: lmfile runtime export --target linux-aarch64, and on another computer:"
        " lmfile runtime import image-linux-aarch64.lmrt",
    )
    parser.add_argument("action", choices=("build", "list", "clean", "export", "import"))
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="import: what `export` has written")
    parser.add_argument("--target", metavar="TARGET", help="build, export: for which (default: a computer like this)")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="export: the file to write (default: image-TARGET.lmrt)"
    )
    parser.add_argument("--json", action="store_true", help="list: as JSON")
    parser.add_argument("--all", action="store_true", help="clean: also what a build would use now")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler import runtime_command

    return runtime_command.run(options, console)
