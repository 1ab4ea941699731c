"""`lmfile inspect`: shows what an executable holds."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser

PARTS = {
    "json": "all of it, for programs: the manifest, with the file's size and signature",
    "manifest": "the manifest",
    "licenses": "the licence texts of everything inside",
    "sbom": "the bill of materials: CycloneDX, as JSON",
}


def parser() -> Parser:
    parser = Parser(prog="lmfile inspect", description="Show what an executable holds.")
    parser.add_argument("file", metavar="FILE", type=Path)
    group = parser.add_mutually_exclusive_group()
    for part, text in PARTS.items():
        group.add_argument(f"--{part}", dest="part", action="store_const", const=part, default="page", help=text)
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.explain.inspect import inspect

    inspect(options.file, options.part, console)
    return 0
