"""`lmfile build`: packs models into an executable."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    parser = Parser(
        prog="lmfile build",
        description="Pack one model or several, the engine, the page and the API server into one executable.",
        epilog="example: lmfile build smollm2 ~/models/embedder.gguf -o mine",
    )
    parser.add_argument(
        "models",
        metavar="[ROLE:][NAME=]MODEL",
        nargs="+",
        help="the path of a .gguf file, or smollm2, or qwen2.5-coder-1.5b; of several, requests choose one by NAME"
        " (default: its file's), and ROLE is chat, embed, rerank or draft (default: what the file was made for)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the executable to write")
    parser.add_argument(
        "--adapter",
        metavar="[NAME=]PATH[:SCALE]",
        action="append",
        default=[],
        help="pack a LoRA adapter, a .gguf file or a PEFT folder; requests choose it by NAME (default: its file's),"
        " and with SCALE every answer has it; may be given again",
    )
    _add_assistant(parser)
    parser.add_argument("--target", metavar="TARGET", help="where it will run (default: a computer like this one)")
    parser.add_argument("--force", action="store_true", help="replace FILE even if it is not an lmfile")
    parser.set_defaults(run=run)
    return parser


def _add_assistant(parser: Parser) -> None:
    """What people see in place of our own name and words."""
    group = parser.add_argument_group("your assistant")
    group.add_argument("--name", metavar="NAME", help="what the executable calls itself (default: the model's name)")
    group.add_argument("--icon", metavar="FILE", type=Path, help="its icon: a PNG, best 512 x 512, or a plain SVG")
    group.add_argument("--color", metavar="#RRGGBB", help="the page's colour")
    group.add_argument("--greeting", metavar="TEXT", help="what an empty conversation shows")
    group.add_argument("--system-prompt", metavar="TEXT|@FILE", help="what every new conversation begins with")
    group.add_argument(
        "--starter", metavar="TEXT", action="append", default=[], help="a first question to click on; at most 8"
    )


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.analysis import builder_target  # each command loads what it needs: --help answers in 50 ms
    from bundler.build import Request, build
    from bundler.identity import Wanted

    assistant = Wanted(
        options.name, options.icon, options.color, options.greeting, options.system_prompt, options.starter
    )
    request = Request(
        models=tuple(options.models),
        output=options.output,
        target=options.target or builder_target(),
        assistant=assistant,
        force=options.force,
        adapters=tuple(options.adapter),
    )
    build(request, console)
    return 0
