"""The command `lmfile`: reads the command line, runs one command, turns what happened into an exit code."""

import argparse
import difflib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from bundler.console import Console
from runtime.errors import LmfileError, UsageError
from runtime.version import VERSION

HELP = """\
lmfile turns model weights into one executable that anyone can download and run.

usage: lmfile COMMAND [OPTION]…          lmfile COMMAND --help shows a command's options

make an executable
  build MODEL… -o FILE    pack MODEL: the path of a .gguf file, or a known model:
                          smollm2 (98 MB), qwen2.5-coder-1.5b (1.1 GB);
                          --adapter PATH packs a LoRA adapter with it; further
                          MODELs embed, rerank, or are other ones to chat with;
                          --name, --icon, --greeting and others make it yours
look into one
  inspect FILE            model, engine, members with offsets and hashes
  verify FILE             hold every byte against its hash
  extract FILE [MEMBER]…  take members out, each checked; default: all of them
the runtime inside
  runtime build|list|clean   make, show or remove the cached runtime images

common options
  -q, --quiet             no progress, results only (default: off)
  --version, --help
environment
  LMFILE_CACHE            where parts are kept (default: the user's cache directory)
  SOURCE_DATE_EPOCH       seconds since 1970 that stand for the time of the build (default: 0)

example: lmfile build smollm2 -o dist/smollm2 && dist/smollm2
exit codes: 0 done, 10 usage, 20 to 24 model, download or build, 25 to 27 adapter, 30 damaged file,
            31 to 34 cache or disk, 130 interrupted, 143 terminated"""

INTERRUPTED, TERMINATED, PIPE_CLOSED, UNEXPECTED = 130, 143, 141, 1


class Terminated(BaseException):
    """SIGTERM came: unwinds like KeyboardInterrupt, so that everything half-written goes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; a failure is one sentence on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    console = Console(quiet=not {"-q", "--quiet"}.isdisjoint(arguments))  # one, so that an error clears the bar
    signals = _Signals()
    try:
        return _run(arguments, console)
    except LmfileError as error:
        console.error(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        console.error("Interrupted; nothing half-written is left.")
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the flush at exit fails again
        return PIPE_CLOSED
    except Exception as error:
        if signals.status:  # somebody's clean-up made another error of it
            return signals.status
        if "LMFILE_DEBUG" in os.environ:
            raise
        console.error(f"Running lmfile: unexpected {type(error).__name__}: {error}; LMFILE_DEBUG=1 shows where.")
        return UNEXPECTED
    finally:
        signals.restore()


class _Signals:
    """Raises KeyboardInterrupt and Terminated, and remembers the exit code that they mean; 0 as long as none came."""

    def __init__(self) -> None:
        self.status = 0
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        signal.signal(signal.SIGTERM, self._terminate)
        if self._before[signal.SIGINT] is not signal.SIG_IGN:  # else somebody protects us from it
            signal.signal(signal.SIGINT, self._interrupt)

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        self.status = INTERRUPTED
        raise KeyboardInterrupt

    def _terminate(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        self.status = TERMINATED
        raise Terminated


def _run(arguments: Sequence[str], console: Console) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        console.result(HELP)
        return 0
    if arguments[0] in ("-V", "--version"):
        console.result(f"lmfile {VERSION}")
        return 0
    options = _parse(arguments)
    run: Callable[[argparse.Namespace, Console], int] = options.run
    return run(options, console)


class _Parser(argparse.ArgumentParser):
    """Raises UsageError instead of ending the process, and takes no abbreviations."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"Reading the command line: {message}; `{self.prog} --help` shows what there is.")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parsers = {
        "build": _build_parser(),
        "inspect": _inspect_parser(),
        "verify": _verify_parser(),
        "extract": _extract_parser(),
        "runtime": _runtime_parser(),
    }
    command = arguments[0]
    if command not in parsers:
        raise UsageError(f"Reading the command line: there is no command `{command}`; {_nearest(command, parsers)}")
    parser = parsers[command]
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, results only")
    options, unknown = parser.parse_known_intermixed_args(arguments[1:])
    if unknown:
        known = re.findall(r"--?[a-z]+", parser.format_help())
        what = f"`lmfile {command}` has no `{unknown[0]}`"
        raise UsageError(f"Reading the command line: {what}; {_nearest(unknown[0], known)}")
    return options


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word.partition("=")[0], list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else "`lmfile --help` shows what there is."


def _build_parser() -> _Parser:
    parser = _Parser(
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
    parser.set_defaults(run=_build)
    return parser


def _add_assistant(parser: _Parser) -> None:
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


def _build(options: argparse.Namespace, console: Console) -> int:
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


def _inspect_parser() -> _Parser:
    parser = _Parser(prog="lmfile inspect", description="Show what an executable holds.")
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--json", action="store_true", help="the manifest, as JSON")
    parser.set_defaults(run=_inspect)
    return parser


def _inspect(options: argparse.Namespace, console: Console) -> int:
    from bundler.inspect import inspect

    inspect(options.file, options.json, console)
    return 0


def _verify_parser() -> _Parser:
    parser = _Parser(
        prog="lmfile verify",
        description="Hold every byte of an executable against its hash; exit code 30 if one differs.",
    )
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--json", action="store_true", help="the findings, as JSON")
    parser.set_defaults(run=_verify)
    return parser


def _verify(options: argparse.Namespace, console: Console) -> int:
    from bundler.verify import verify

    return verify(options.file, options.json, console)


def _extract_parser() -> _Parser:
    parser = _Parser(prog="lmfile extract", description="Take members out of an executable, each checked.")
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("members", metavar="MEMBER", nargs="*", help="a member, or a folder of members (default: all)")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, default=Path(), help="where to (default: here)")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.set_defaults(run=_extract)
    return parser


def _extract(options: argparse.Namespace, console: Console) -> int:
    from bundler.extract import extract

    extract(options.file, options.members, options.output, options.force, console)
    return 0


def _runtime_parser() -> _Parser:
    parser = _Parser(prog="lmfile runtime", description="Make, show or remove the runtime images in the cache.")
    parser.add_argument("action", choices=("build", "list", "clean"))
    parser.add_argument("--target", metavar="TARGET", help="build: where it will run (default: a computer like this)")
    parser.add_argument("--json", action="store_true", help="list: as JSON")
    parser.add_argument("--all", action="store_true", help="clean: also what a build would use now")
    parser.set_defaults(run=_runtime)
    return parser


def _runtime(options: argparse.Namespace, console: Console) -> int:
    from bundler import runtime_command

    return runtime_command.run(options, console)
