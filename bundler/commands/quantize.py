"""`lmfile quantize`: a GGUF to another type, with the bytes that llama-quantize would write."""

import argparse
from pathlib import Path

from bundler.console import Console
from bundler.parsing import Parser

EXAMPLE = "example: lmfile quantize smollm2-f16.gguf q4_k_m -o smollm2-q4_k_m.gguf"


def parser() -> Parser:
    from bundler.convert import types

    parser = Parser(
        prog="lmfile quantize",
        description="Quantise a model. The file is the one that llama-quantize of the same version writes.",
        epilog=EXAMPLE,
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="a GGUF, its first shard, a llamafile or an lmfile")
    parser.add_argument("type", metavar="TYPE", help=f"one of {', '.join(types())}")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the GGUF to write")
    parser.add_argument(
        "--imatrix", metavar="FILE", type=Path, help="an importance matrix, .gguf or .dat (default: none)"
    )
    parser.add_argument("--pure", action="store_true", help="the same type for every tensor (default: a mixture)")
    parser.add_argument(
        "--allow-requantize", action="store_true", help="quantise again what is quantised: it loses more"
    )
    parser.add_argument("--leave-output-tensor", action="store_true", help="leave output.weight as it is")
    parser.add_argument("--output-tensor-type", metavar="T", default="", help="of output.weight, as q6_k")
    parser.add_argument("--token-embedding-type", metavar="T", default="", help="of the embeddings, as q8_0")
    parser.add_argument("-t", "--threads", metavar="N", type=int, default=0, help="(default: 0, all cores)")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace, console: Console) -> int:
    from bundler.content import size_bytes
    from bundler.convert import output, quantize
    from bundler.sources import local

    source = local.open(options.model, console.progress)
    with output.new(options.output, options.force) as part:
        quantize.quantize(
            source.content,
            options.type,
            part,
            console.progress,
            matrix=options.imatrix,
            options=quantize.Options(**{name: getattr(options, name) for name in quantize.Options._fields}),
            threads=options.threads,
        )
    before, after = size_bytes(source.content), options.output.stat().st_size
    console.result(f"{options.output}: {after / 1e6:.1f} MB, from {before / 1e6:.1f} MB")
    return 0
