"""`lmfile sign`: puts the publisher's signature into an executable, or makes the keys for that."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(
        prog="lmfile sign",
        description="Sign an executable so that everybody can check who made it; the keys are those of minisign.",
        epilog="example: lmfile sign --generate ada && lmfile sign dist/mine --key ada.key"
        " && lmfile verify dist/mine --key ada.pub",
    )
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?")
    parser.add_argument("--key", metavar="SECRET.key", type=Path, help="the secret key")
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        type=Path,
        help="where its passphrase stands (default: LMFILE_SIGN_PASSWORD, or asked for on the terminal)",
    )
    parser.add_argument("--generate", metavar="NAME", type=Path, help="make the keys NAME.key and NAME.pub")
    parser.add_argument("--no-password", action="store_true", help="--generate: a key that no passphrase locks")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.explain import keys, minisign, signing
    from runtime.errors import UsageError

    if options.generate and (options.file or options.key):
        raise UsageError("Reading the command line: --generate makes keys and signs nothing; first the one, then sign.")
    if options.generate:
        made = keys.generate(options.generate, options.password_file, options.no_password)
        console.step(f"wrote {options.generate}.key, to be kept secret, and {options.generate}.pub, to be published")
        console.result(minisign.public_line(made))
        return 0
    if not options.file or not options.key:
        raise UsageError("Reading the command line: what to sign and with what? `lmfile sign FILE --key SECRET.key`.")
    signing.sign(options.file, options.key, options.password_file, console)
    return 0
