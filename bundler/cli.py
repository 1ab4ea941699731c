"""The command `lmfile`: reads the command line, runs one command, turns what happened into an exit code."""

import argparse
import difflib
import importlib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import NoReturn

from bundler.commands import COMMANDS
from bundler.console import Console
from bundler.parsing import Parser
from runtime.errors import LmfileError, UsageError
from runtime.version import VERSION

HELP = """\
lmfile turns model weights into one executable that anyone can download and run.

usage: lmfile COMMAND [OPTION]…          lmfile COMMAND --help shows a command's options

make an executable
  build MODEL… -o FILE    pack models: .gguf, .llamafile, safetensors, hf:org/repo[:quant], https://…,
                          smollm2 (98 MB), qwen2.5-coder-1.5b (1.1 GB); --dry-run says what would be packed
  build [RECIPE]          the same from lmfile.toml, an Ollama Modelfile or a llamafile's .args
  init [FOLDER]           write a commented lmfile.toml
  repack FILE -o FILE     another prompt, adapter, setting or runtime around the same weights
  convert, quantize       safetensors to GGUF, a GGUF to a smaller type
look into one
  inspect FILE            models, engine, provenance, members with offsets and hashes
  diff FILE FILE          what differs in two of them
  verify FILE             hold every byte against its hash; with --key PUB, the signature too
  extract FILE [MEMBER]…  take members out, each checked; default: all of them
publish it
  sign FILE --key KEY     sign it as minisign does
  publish-notes FILE…     a section for its README: download, checksum and run lines
this computer
  runtime build|list|clean|export|import   the runtime images that go inside
  doctor, completion      what it can build and run; completion for bash, zsh, fish, powershell
common options: -q, --quiet: results only (default: off), --version, --help
environment: HF_TOKEN, HF_ENDPOINT, LMFILE_CACHE: where parts are kept (default: the user's cache directory),
  SOURCE_DATE_EPOCH: seconds since 1970 that stand for the time of the build (default: 0)
example: lmfile build smollm2 -o dist/smollm2 && dist/smollm2
exit codes: 0 done, 1 diff: they differ, 10 usage, 12 recipe, 20 to 24 model, download or build, 25 to 27
            adapter, 28 conversion, 30 damaged, 31 to 34 cache or disk, 35 signature, 130 or 143 ended"""

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


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    command = arguments[0]
    if command not in COMMANDS:
        raise UsageError(f"Reading the command line: there is no command `{command}`; {_nearest(command, COMMANDS)}")
    module = importlib.import_module(f"bundler.commands.{command.replace('-', '_')}")  # the others cost nothing
    parser: Parser = module.parser()
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
