"""`lmfile publish-notes`: writes the section of a page from which people download executables."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(
        prog="lmfile publish-notes",
        description="Write a section for a README in Markdown: how to download, check and start executables.",
        epilog="example: lmfile publish-notes dist/mine dist/mine.exe --url https://example.org/mine --key ada.pub",
    )
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="the same executable for several targets")
    parser.add_argument("--url", metavar="BASE", default="", help="the address of the folder where they will lie")
    parser.add_argument("--key", metavar="KEY", default="", help="the public key that all of them are signed with")
    parser.add_argument("--json", action="store_true", help="names, sizes, hashes and addresses, as JSON")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.explain import keys, plain
    from bundler.explain.notes import notes
    from bundler.explain.release import releases

    key = keys.public(options.key) if options.key else None
    found = releases(options.files, options.url, key, console)
    console.result(plain.as_json([one.plain() for one in found]) if options.json else notes(found, key))
    return 0
