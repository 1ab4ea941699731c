"""`lmfile build`: packs models into an executable, as options or a recipe say."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser


def parser() -> Parser:
    """The options; a flag of it wins over the recipe's key of the same name."""
    parser = Parser(
        prog="lmfile build",
        description="Pack one model or several, the engine, the page and the API server into one executable.",
        epilog="example: lmfile build smollm2 ~/models/embedder.gguf -o mine",
    )
    parser.add_argument(
        "models",
        metavar="RECIPE | [ROLE:][NAME=]MODEL",
        nargs="*",
        help="a recipe (lmfile.toml, Modelfile, .args; default: ./lmfile.toml), or models: a .gguf file, a .llamafile"
        " or lmfile, a folder of safetensors, hf:org/repo[:quant], https://…#sha256=…, smollm2, qwen2.5-coder-1.5b; of"
        " several, requests choose one by NAME (default: its file's), and ROLE is chat, embed, rerank, draft or mmproj"
        " (default: what the file was made for)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="the executable to write")
    parser.add_argument(
        "--adapter",
        metavar="[NAME=]PATH[:SCALE]",
        action="append",
        default=[],
        help="pack a LoRA adapter, a .gguf file or a PEFT folder; requests choose it by NAME (default: its file's),"
        " and with SCALE every answer has it; may be given again",
    )
    _add_weights(parser)
    add_assistant(parser)
    _add_target(parser)
    parser.set_defaults(run=run)
    return parser


def _add_weights(parser: Parser) -> None:
    group = parser.add_argument_group("weights")
    group.add_argument("--quantize", metavar="TYPE", help="quantise the models: q8_0, q4_k_m, … (`lmfile quantize -h`)")
    group.add_argument("--imatrix", metavar="FILE", type=Path, help="an importance matrix for that")


def add_assistant(parser: Parser) -> None:
    """What people see in place of our own name and words."""
    group = parser.add_argument_group("your assistant")
    group.add_argument("--name", metavar="NAME", help="what the executable calls itself (default: the model's name)")
    group.add_argument("--release", metavar="VERSION", help="your version of it")
    group.add_argument("--icon", metavar="FILE", type=Path, help="its icon: a PNG, best 512 x 512, or a plain SVG")
    group.add_argument("--color", metavar="#RRGGBB", help="the page's colour")
    group.add_argument("--greeting", metavar="TEXT", help="what an empty conversation shows")
    group.add_argument("--system-prompt", metavar="TEXT|@FILE", help="what every new conversation begins with")
    group.add_argument(
        "--starter", metavar="TEXT", action="append", default=[], help="a first question to click on; at most 8"
    )
    group.add_argument("--bake", action="store_true", help="compute the system prompt now, so that starts need not")
    group.add_argument("--chat-template", metavar="FILE", type=Path, help="Jinja in place of the main model's own")
    group.add_argument(
        "--set", metavar="FLAG=VALUE", action="append", default=[], help="a flag that every start has: temp=0.2"
    )
    group.add_argument("--license", metavar="FILE", action="append", type=Path, default=[], help="pack its text, too")


def _add_target(parser: Parser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--target", metavar="TARGET", action="append", default=[], help="where it will run; may be given again"
    )  # fmt: skip
    group.add_argument("--sidecar", action="store_true", help="weights in a file beside it (Windows over 4 GB: always)")
    group.add_argument("--dry-run", action="store_true", help="say what would be packed, from where and how big")
    group.add_argument("--json", action="store_true", help="with --dry-run: as JSON")
    group.add_argument("--force", action="store_true", help="replace FILE even if it is not an lmfile")


def run(options: argparse.Namespace, console: Console) -> int:
    """Read the recipe, and build it."""
    from bundler.build import Order, build  # each command loads what it needs: --help answers in 50 ms
    from bundler.recipe import command_line

    recipe = command_line.recipe(options, console.step)
    build(recipe, Order(options.force, options.dry_run, options.json), console)
    return 0
