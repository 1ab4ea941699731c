"""`lmfile convert`: a Hugging Face folder, or a PEFT adapter, to GGUF."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser

EXAMPLE = "example: lmfile convert ./SmolLM2-135M -o smollm2.gguf && lmfile quantize smollm2.gguf q4_k_m -o small.gguf"
OUTTYPES = ("f32", "f16", "bf16", "q8_0", "auto")


def parser() -> Parser:
    parser = Parser(
        prog="lmfile convert",
        description="Convert a model in safetensors to GGUF, with llama.cpp's converter in an environment of its own "
        "(1.1 GB in the cache, made at the first time). Code and pickles in the folder are never run.",
        epilog=EXAMPLE,
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="config.json, safetensors and a tokenizer; or PEFT")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the GGUF to write")
    parser.add_argument(
        "--outtype",
        metavar="TYPE",
        default="f16",
        help=f"{', '.join(OUTTYPES)}, the 16 bits that lose least (default: f16)",
    )
    parser.add_argument("--name", default="", help="what the model is called (default: as its files say)")
    parser.add_argument("--mmproj", action="store_true", help="convert the part that reads images or sound instead")
    parser.add_argument("--base", metavar="GGUF", type=Path, help="the model that a PEFT adapter was made for")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.convert import adapter, convert, output

    with output.new(options.output, options.force) as part:
        if adapter.is_peft(options.folder):
            adapter.convert(options.folder, options.base, part)
        else:
            adapter.refuse_base(options.base, options.folder)
            convert.convert(
                options.folder,
                options.outtype.lower(),
                part,
                console.progress,
                name=options.name,
                mmproj=options.mmproj,
            )
    console.result(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")
    return 0
