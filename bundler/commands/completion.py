"""`lmfile completion`: prints the script that lets a shell complete commands, options, targets, types and models."""

import argparse

from bundler.console import Console
from bundler.parsing import Parser

SHELLS = ("bash", "zsh", "fish", "powershell")


def parser() -> Parser:
    parser = Parser(
        prog="lmfile completion",
        description="Print the script that lets a shell complete what is typed; its first lines say where it belongs.",
        epilog='example: eval "$(lmfile completion bash)"',
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    import importlib

    from bundler.completion.commands import commands

    shell = importlib.import_module(f"bundler.completion.{options.shell}")
    console.result(shell.script(commands()).rstrip("\n"))
    return 0
